"""What a scene says of its background: which sounds are surely heard, which may be, which are not.

Positive claims rest on what is sure (:attr:`Sound.spans`), negative ones on what is possible at all
(:attr:`Sound.maybe`), so that between the two there is room for doubt, and doubt abstains.
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

# Tags of one sound this close together are one stretch of it: taggers hear in half-second steps.
_GAP = 0.5
# From this score on a tag speaks against silence and absence, and is worth a word in a caption.
FAINT = 0.3


@dataclass(frozen=True)
class Sound:
    """One kind of sound event in one clip.

    Attributes:
        label: The name that a question uses.
        tags: The records that prove it is there.
        timing: The records that say when; the same, but where a corpus knows the label only for
            the whole clip and a model tells the time.
        spans: When it is surely heard; empty where only presence is known.
        maybe: When it, or something like it, may be heard; holds ``spans``, with room for what a
            model's onsets and offsets may be off.
    """

    label: str
    tags: tuple[Tag, ...]
    timing: tuple[Tag, ...]
    spans: Spans
    maybe: Spans

    @property
    def onset(self) -> float:
        return self.spans[0][0]

    @property
    def offset(self) -> float:
        return self.spans[-1][1]

    @property
    def earliest(self) -> float:
        """When it may have started at the earliest."""
        return self.maybe[0][0]

    @property
    def latest(self) -> float:
        """When it may have ended at the latest."""
        return self.maybe[-1][1]

    @property
    def seconds(self) -> float:
        return total(self.spans)

    @property
    def confidence(self) -> float:
        return max(map(confidence_of, self.tags))

    @property
    def presence_evidence(self) -> tuple[Evidence, ...]:
        """The one surest record: presence needs no more."""
        return (cite(max(self.tags, key=lambda tag: (confidence_of(tag), -tag.start))),)

    @property
    def timing_evidence(self) -> tuple[Evidence, ...]:
        labels = dict.fromkeys(map(cite, self.timing))
        shown = self.presence_evidence if self.timing != self.tags else ()
        return tuple(dict.fromkeys((*shown, *labels)))


@dataclass(frozen=True)
class Sounds:
    """The background of one scene.

    Attributes:
        heard: Sounds sure enough to ask about, by onset; those without times last.
        doubtful: What else a model heard, too unsure to ask about; most likely first.
        truth: The corpus itself says what is heard.
        complete: And says all of it.
        possible: Every label that anyone heard at any score, but for what others imply in an annotation.
        suspects: What a model heard where the annotation is complete; it may lack a word for it.
        looked: Absence can be told: the annotation is complete or a tagger listened.
        speech: There is speech, so that a voice-like sound may be theirs.
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
        """Sounds of which it is known when they are heard."""
        return tuple(sound for sound in self.heard if sound.spans)

    @cached_property
    def all_timed(self) -> bool:
        """True if each sound is known in time, and no other is likely: "the last one" is known."""
        faint = not self.complete and any(sound.confidence >= FAINT for sound in self.doubtful)
        return len(self.timed) == len(self.heard) and not faint

    def find(self, label: str) -> Sound | None:
        """The sound that ``label`` (or a label that prints like it) names."""
        return next((sound for sound in self.heard if same_label(sound.label, label)), None)

    def deniable(self, label: str) -> bool:
        """False for what cannot be ruled out in this clip, whatever else is heard.

        As a choice it could only ever be right, and so it makes no choice.
        """
        if audioset.is_speech(label) or not audioset.is_event(label):
            return False
        if self.speech and "Respiratory sounds" in audioset.ancestors(label):
            return False  # who speaks breathes, and no corpus notes it down
        return self.complete or not (self.speech and audioset.is_voice(label))

    @cached_property
    def _absent(self) -> dict[str, bool]:
        return {}

    def absent(self, label: str) -> bool:
        """True only where it is known that nothing which ``label`` could name is heard."""
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
            return False  # nobody can say what else a corpus's own word for a sound stands for
        if self.complete:
            return not (
                any(audioset.same_source(label, other) for other in self.possible)
                or any(audioset.related(label, other) for other in self.suspects)
            )
        return not any(audioset.confusable(label, other) for other in self.possible)


def sounds_of(scene: Scene, thresholds: Thresholds) -> Sounds | None:
    """Reads a scene's tags; None where neither the corpus nor a tagger says anything."""
    truth, tags = scene.clip.truth, scene.tags
    spoken = (truth.turns, scene.turns, truth.utterances, scene.utterances)
    tagged = any(map(audioset.is_speech, leaves_of(truth.tags or ()))) or any(
        tag.score >= FAINT and audioset.is_speech(tag.label) for tag in tags or ()
    )
    # Where speech was not looked for, there may be some.
    speech = tagged or any(spoken) or all(layer is None for layer in spoken)
    heard: tuple[Sound, ...]
    doubtful: tuple[Sound, ...] = ()
    known: list[str]
    if truth.tags is not None:
        heard = _from_truth(truth.tags, tags or (), thresholds)
        complete = truth.tags_complete
        # What a leaf implies ("Animal" beside "Dog") is no sound of its own.
        known = leaves_of(truth.tags)
        known += [] if complete else [tag.label for tag in tags or ()]
        looked = complete or tags is not None
    elif tags is not None:
        heard, doubtful = _from_model(tags, thresholds, speech)
        known, complete, looked = [tag.label for tag in tags], False, True
    else:
        return None
    possible = frozenset(known)
    # A complete annotation is complete for its own vocabulary only.
    suspects = frozenset(tag.label for tag in tags or () if complete and tag.score >= FAINT)
    return Sounds(
        _sorted(heard), doubtful, truth.tags is not None, complete, possible, suspects, looked, speech
    )


def leaves_of(tags: Iterable[Tag]) -> list[str]:
    """The labels that are not implied by a more specific one."""
    names = {tag.label for tag in tags}
    return [n for n in sorted(names) if not any(n in audioset.ancestors(other) for other in names)]


def _from_truth(truth: Sequence[Tag], model: Sequence[Tag], thresholds: Thresholds) -> tuple[Sound, ...]:
    """The most specific labels of the corpus, timed by the corpus or else by the model's tags."""
    leaves = [label for label in leaves_of(truth) if audioset.is_event(label)]
    found = []
    for label in leaves:
        tags = tuple(tag for tag in truth if tag.label == label)
        if all(tag.localized for tag in tags):
            spans = _stretches(tags)
            found.append(Sound(label, tags, tags, spans, spans))
            continue
        agreeing = tuple(
            tag
            for tag in model
            if tag.localized and tag.score >= thresholds.event and audioset.related(tag.label, label)
        )
        # Two annotated sounds of one family: the tag does not say which of them it heard.
        if any(other != label and audioset.confusable(other, label) for other in leaves):
            agreeing = ()
        found.append(
            Sound(
                label,
                tags,
                agreeing or tags,
                _stretches(agreeing),
                _possible(label, model, agreeing, thresholds),
            )
        )
    return tuple(found)


def _from_model(
    tags: Sequence[Tag], thresholds: Thresholds, speech: bool
) -> tuple[tuple[Sound, ...], tuple[Sound, ...]]:
    """(sure, doubtful) sounds. Of labels that may name one sound, the one with the best score."""
    best: dict[str, float] = {}
    for tag in tags:
        best[tag.label] = max(best.get(tag.label, 0.0), tag.score)
    # Of equal scores the more general is the safer: a dog that is said to bark may have yelped.
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
        sound = Sound(
            label, proving, timed or proving, _stretches(timed), _possible(label, tags, timed, thresholds)
        )
        (sure if best[label] >= needed else doubtful).append(sound)
    return tuple(sure), tuple(doubtful)


def _stretches(tags: Iterable[Tag]) -> Spans:
    return union(((tag.start, tag.end) for tag in tags), gap=_GAP)


def _possible(label: str, tags: Iterable[Tag], surely: Iterable[Tag], thresholds: Thresholds) -> Spans:
    alike = [tag for tag in tags if tag.localized and audioset.confusable(tag.label, label)]
    return grow(_stretches((*alike, *surely)), thresholds.event_edge)


def _sorted(sounds: Iterable[Sound]) -> tuple[Sound, ...]:
    return tuple(sorted(sounds, key=lambda s: (not s.spans, s.onset if s.spans else 0.0, name_of(s.label))))
