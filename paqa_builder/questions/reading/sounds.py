"""Sounds of a scene: present, possible and absent ones.

Claims of presence use the certain intervals (:attr:`Sound.spans`), claims of absence use all possible ones
(:attr:`Sound.maybe`). What lies between the two is uncertain, and facts abstain from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from paqa_builder.intervals import Spans, grow, total, union
from paqa_builder.labels import audioset
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence, cite, confidence_of
from paqa_builder.questions.wording import name_of, same_label
from paqa_builder.records import Scene, Tag

# Tags of one sound at most this many seconds apart are merged.
_GAP = 0.5
# Score from which a tag counts against silence and absence, and is mentioned in a caption.
FAINT = 0.3


@dataclass(frozen=True)
class Sound:
    """One class of sound event in one clip.

    Attributes:
        label: Label that a question uses.
        tags: Records that prove its presence.
        timing: Records that prove its times. They differ from ``tags`` where the annotation covers the
            whole clip and a model gives the times.
        spans: Intervals in which it is certainly active; empty if only its presence is known.
        maybe: Intervals in which it, or a sound confusable with it, may be active. They contain
            ``spans``, extended by the tolerance of a model's onsets and offsets.
    """

    label: str
    tags: tuple[Tag, ...]
    timing: tuple[Tag, ...]
    spans: Spans
    maybe: Spans

    @cached_property
    def onset(self) -> float:
        return self.spans[0][0]

    @cached_property
    def offset(self) -> float:
        return self.spans[-1][1]

    @cached_property
    def earliest(self) -> float:
        """Earliest possible onset."""
        return self.maybe[0][0]

    @cached_property
    def latest(self) -> float:
        """Latest possible offset."""
        return self.maybe[-1][1]

    @cached_property
    def seconds(self) -> float:
        return total(self.spans)

    @cached_property
    def confidence(self) -> float:
        return max(map(confidence_of, self.tags))

    @cached_property
    def presence_evidence(self) -> tuple[Evidence, ...]:
        """The record with the highest confidence."""
        return (cite(max(self.tags, key=lambda tag: (confidence_of(tag), -tag.start))),)

    @cached_property
    def timing_evidence(self) -> tuple[Evidence, ...]:
        presence = self.presence_evidence if self.timing != self.tags else ()
        return tuple(dict.fromkeys((*presence, *map(cite, self.timing))))


@dataclass(frozen=True)
class Sounds:
    """All sounds of one scene.

    Attributes:
        heard: Sounds certain enough to ask about, by onset; those without times last.
        doubtful: Sounds that a model detected with too low a score to ask about, by falling score.
        truth: The corpus annotates sounds.
        complete: The annotation is complete.
        possible: All labels at any score, without those implied by others in an annotation.
        suspects: Labels that a model detected beside a complete annotation, whose vocabulary may lack them.
        looked: Absence can be decided: the annotation is complete, or there are a tagger's results.
        speech: There may be speech, so that a voice-like sound may come from a speaker.
    """

    heard: tuple[Sound, ...]
    doubtful: tuple[Sound, ...]
    truth: bool
    complete: bool
    possible: frozenset[str]
    suspects: frozenset[str]
    looked: bool
    speech: bool

    @cached_property
    def timed(self) -> tuple[Sound, ...]:
        """Sounds with known times."""
        return tuple(sound for sound in self.heard if sound.spans)

    @cached_property
    def all_timed(self) -> bool:
        """True if all sounds have known times and no other sound is likely."""
        faint = not self.complete and any(sound.confidence >= FAINT for sound in self.doubtful)
        return len(self.timed) == len(self.heard) and not faint

    def find(self, label: str) -> Sound | None:
        """The sound of a label, or of a label with the same printed name."""
        return next((sound for sound in self.heard if same_label(sound.label, label)), None)

    def deniable(self, label: str) -> bool:
        """True if the label's absence can be proved at all; otherwise it is never offered as a choice."""
        if audioset.is_speech(label) or not audioset.is_event(label):
            return False
        if self.speech and "Respiratory sounds" in audioset.ancestors(label):
            return False  # speakers breathe, and corpora do not annotate it
        return self.complete or not (self.speech and audioset.is_voice(label))

    @cached_property
    def _absent(self) -> dict[str, bool]:
        return {}

    def absent(self, label: str) -> bool:
        """True if it is certain that no sound that ``label`` may name occurs."""
        if label not in self._absent:
            self._absent[label] = self._is_absent(label)
        return self._absent[label]

    def _is_absent(self, label: str) -> bool:
        if not self.looked or not self.deniable(label):
            return False
        if any(same_label(label, other) for other in self.possible):
            return False
        known = audioset.labels()
        if label in known and any(other not in known for other in self.possible):
            return False  # the meaning of a corpus's own label is unknown
        if self.complete:
            return not (
                any(audioset.same_source(label, other) for other in self.possible)
                or any(audioset.related(label, other) for other in self.suspects)
            )
        return not any(audioset.confusable(label, other) for other in self.possible)


def sounds_of(scene: Scene, thresholds: Thresholds) -> Sounds | None:
    """Interprets a scene's tags; None if there is neither an annotation nor a tagger's result."""
    truth, tags = scene.clip.truth, scene.tags
    spoken = (truth.turns, scene.turns, truth.utterances, scene.utterances)
    tagged = any(map(audioset.is_speech, leaves_of(truth.tags or ()))) or any(
        tag.score >= FAINT and audioset.is_speech(tag.label) for tag in tags or ()
    )
    # Without any speech layer, speech is possible.
    speech = tagged or any(spoken) or all(layer is None for layer in spoken)
    heard: tuple[Sound, ...]
    doubtful: tuple[Sound, ...] = ()
    known: list[str]
    if truth.tags is not None:
        heard = _from_truth(truth.tags, tags or (), thresholds)
        complete = truth.tags_complete
        # Labels implied by others ("Animal" beside "Dog") are not separate sounds.
        known = leaves_of(truth.tags)
        known += [] if complete else [tag.label for tag in tags or ()]
        looked = complete or tags is not None
    elif tags is not None:
        heard, doubtful = _from_model(tags, thresholds, speech)
        known, complete, looked = [tag.label for tag in tags], False, True
    else:
        return None
    possible = frozenset(known)
    # An annotation is complete only within its own vocabulary.
    suspects = frozenset(tag.label for tag in tags or () if complete and tag.score >= FAINT)
    return Sounds(
        _sorted(heard), doubtful, truth.tags is not None, complete, possible, suspects, looked, speech
    )


def leaves_of(tags: Iterable[Tag]) -> list[str]:
    """Labels that no more specific label implies."""
    names = {tag.label for tag in tags}
    return [n for n in sorted(names) if not any(n in audioset.ancestors(other) for other in names)]


def _from_truth(truth: Sequence[Tag], model: Sequence[Tag], thresholds: Thresholds) -> tuple[Sound, ...]:
    """Sounds of the most specific annotated labels, with times from the annotation or else from a model."""
    leaves = [label for label in leaves_of(truth) if audioset.is_event(label)]
    sounds = []
    for label in leaves:
        tags = tuple(tag for tag in truth if tag.label == label)
        if all(tag.localized for tag in tags):
            spans = _merged(tags)
            sounds.append(Sound(label, tags, tags, spans, spans))
            continue
        agreeing = tuple(
            tag
            for tag in model
            if tag.localized and tag.score >= thresholds.event and audioset.related(tag.label, label)
        )
        # With two confusable annotated sounds, a model's tag may belong to either.
        if any(other != label and audioset.confusable(other, label) for other in leaves):
            agreeing = ()
        maybe = _possible(label, model, agreeing, thresholds)
        sounds.append(Sound(label, tags, agreeing or tags, _merged(agreeing), maybe))
    return tuple(sounds)


def _from_model(
    tags: Sequence[Tag], thresholds: Thresholds, speech: bool
) -> tuple[tuple[Sound, ...], tuple[Sound, ...]]:
    """Certain and doubtful sounds. Of confusable labels only the one with the best score is used."""
    best: dict[str, float] = {}
    for tag in tags:
        best[tag.label] = max(best.get(tag.label, 0.0), tag.score)
    # Of equal scores the more general label is the safer one.
    ranked = sorted(best, key=lambda label: (-best[label], len(audioset.ancestors(label)), label))
    sure: list[Sound] = []
    doubtful: list[Sound] = []
    for label in ranked:
        if not (audioset.is_event(label) and audioset.is_source(label)):
            continue
        if any(audioset.confusable(label, sound.label) for sound in (*sure, *doubtful)):
            continue
        needed = thresholds.voice_event if speech and audioset.is_voice(label) else thresholds.event
        floor = min(needed, best[label])
        proving = tuple(
            tag
            for tag in tags
            if tag.score >= floor and (tag.label == label or label in audioset.ancestors(tag.label))
        )
        timed = tuple(tag for tag in proving if tag.localized)
        maybe = _possible(label, tags, timed, thresholds)
        sound = Sound(label, proving, timed or proving, _merged(timed), maybe)
        (sure if best[label] >= needed else doubtful).append(sound)
    return tuple(sure), tuple(doubtful)


def detected(scene: Scene, label: str, speech: bool, thresholds: Thresholds) -> Sound | None:
    """A sound by a model's tags of a label and its kinds, where they alone prove it.

    Of several labels for one source, :attr:`Sounds.heard` has the one with the best score ("Light engine").
    This also gives another one of them ("Chainsaw"), unless a label of another source has a better score.

    Args:
        speech: As :attr:`Sounds.speech`.
    """
    if scene.clip.truth.tags is not None or not (audioset.is_event(label) and audioset.is_source(label)):
        return None
    tags = scene.tags or ()
    needed = thresholds.voice_event if speech and audioset.is_voice(label) else thresholds.event
    proving = tuple(
        tag
        for tag in tags
        if tag.score >= needed and (tag.label == label or label in audioset.ancestors(tag.label))
    )
    best = max((tag.score for tag in proving), default=0.0)
    rivals = (tag.label for tag in tags if tag.score >= best)
    if not proving or any(audioset.confusable(o, label) and not audioset.related(o, label) for o in rivals):
        return None
    timed = tuple(tag for tag in proving if tag.localized)
    return Sound(label, proving, timed or proving, _merged(timed), _possible(label, tags, timed, thresholds))


def _merged(tags: Iterable[Tag]) -> Spans:
    return union(((tag.start, tag.end) for tag in tags), gap=_GAP)


def _possible(label: str, tags: Iterable[Tag], certain: Iterable[Tag], thresholds: Thresholds) -> Spans:
    confusable = [tag for tag in tags if tag.localized and audioset.confusable(tag.label, label)]
    return grow(_merged((*confusable, *certain)), thresholds.event_edge)


def _sorted(sounds: Iterable[Sound]) -> tuple[Sound, ...]:
    return tuple(sorted(sounds, key=lambda s: (not s.spans, s.onset if s.spans else 0.0, name_of(s.label))))
