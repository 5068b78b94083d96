"""A truth-only scene in the words of one question, so that the question can be asked of it.

A question names sounds as a tagger did and quotes words as a transcriber heard them, cut where it cut
them. Here the ground truth is put into those terms: an annotated sound takes the name that the question
has for it, and a quote becomes a phrase at the place where it, or something close to it, was truly said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from paqa_builder.bench.reference import Reference
from paqa_builder.bench.transcription import language_of, normaliser
from paqa_builder.labels import audioset
from paqa_builder.labels.crosswalk import audioset_name, true_of
from paqa_builder.questions import wording
from paqa_builder.questions.facts import AnswerType
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import Phrase, Speech
from paqa_builder.records import Scene, Tag, Utterance

MARGINS = Thresholds(
    order=0.2, longer_seconds=0.3, longer_share=0.05, more_words=1, min_overlap=0.3, min_gap=0.1, overlap=0.2,
    soon=6.0,
)  # fmt: skip
"""How clear a thing must be in the ground truth to be decided. Narrower than what a build asks about, or
truth would abstain wherever the build is just clear enough; wide enough for annotators to be that exact."""

MISHEARD = 1 / 3
"""A quote counts as said with at most this share of its words wrong ..."""
INVENTED = 1 / 2
"""... and as not said at all with more than this share wrong."""
# The first words that a transcriber gets may be the second or third of an utterance.
_EDGE = 2

_QUOTE = re.compile("“([^”]*)”")
_SPEAKER = re.compile(r"\b(\w+) speaker\b")


@dataclass(frozen=True)
class Found:
    """Where a quote was truly said, and how many of its words are wrong."""

    utterance: Utterance
    errors: int
    words: int
    first: int
    last: int
    of: int

    @property
    def share(self) -> float:
        return self.errors / self.words


@dataclass(frozen=True)
class TruthInterpretation(Interpretation):
    """Ground truth as facts see it, with phrases cut where a question's quotes are."""

    quotes: tuple[str, ...] = ()
    located: dict[str, list[Found]] = field(default_factory=dict)

    @cached_property
    def maybe_speech(self) -> Speech | None:
        said = self.scene.clip.truth.utterances
        if said is None:
            return None
        numbers = {s.name: s.number for s in self.maybe_voices.speakers} if self.maybe_voices else {}
        utterances = tuple(sorted(said, key=lambda u: (u.start, u.end, u.text)))
        speakers = tuple(numbers.get(u.speaker or "") for u in utterances)
        phrases = [
            _phrase(quote, found, numbers.get(found.utterance.speaker or ""))
            for quote in self.quotes
            for found in self.located[quote]
            if found.share <= MISHEARD
        ]
        phrases.sort(key=lambda phrase: (phrase.start, phrase.end))
        return Speech(utterances, speakers, speakers, tuple(phrases), True)


def read(question: Question, form: AnswerType, scene: Scene, reference: Reference) -> TruthInterpretation:
    """Puts a clip's ground truth into a question's terms.

    Args:
        scene: The build's scene of the clip; only its length is used.
        reference: The ground truth, cut to that length.
    """
    truth = reference.truth
    names = [*mentioned(question.question)]
    if form is AnswerType.SOUND:
        names += map(wording.label_of_choice, question.choices)
    tags = None if truth.tags is None else renamed(truth.tags, names)
    if tags is not None and form is AnswerType.SOUND:
        # "Which of these comes last?" asks of these: what can be none of them does not compete.
        tags = tuple(tag for tag in tags if any(audioset.same_source(tag.label, name) for name in names))
    # A sound that AudioSet has no class for may be what a tagger called by another name.
    complete = truth.tags_complete and all(true_of(tag.label) for tag in truth.tags or ())
    quotes = dict.fromkeys(_QUOTE.findall(question.question))
    if form in (AnswerType.QUOTE, AnswerType.WORD):
        # A single word counts as said only where it is found in a phrase.
        quotes |= dict.fromkeys(question.choices)
    clip = replace(scene.clip, truth=replace(truth, tags=tags, tags_complete=complete))
    return TruthInterpretation(
        Scene(clip, scene.audio),
        MARGINS,
        tuple(quotes),
        {quote: locate(quote, truth.utterances or ()) for quote in quotes},
    )


def mentioned(text: str) -> list[str]:
    """The sounds that a question speaks of, by AudioSet name: the longest name at every place."""
    found = []
    for label in sorted(audioset.labels(), key=lambda label: (-len(wording.sound_of(label)), label)):
        if (name := wording.sound_of(label)) in text:
            found.append(label)
            text = text.replace(name, "")
    return found


def speakers_in(text: str) -> list[int]:
    """The speakers that a text names by number."""
    numbers = {wording.ordinal(n): n for n in range(1, 21)}
    return [numbers[word.lower()] for word in _SPEAKER.findall(text) if word.lower() in numbers]


def renamed(tags: Iterable[Tag], names: Sequence[str]) -> tuple[Tag, ...]:
    """Tags under those of ``names`` that are right for them, else under their AudioSet name."""
    made = []
    for tag in tags:
        fitting = dict.fromkeys(name for name in names if name in true_of(tag.label))
        made += [replace(tag, label=name) for name in fitting or (audioset_name(tag.label) or tag.label,)]
    return tuple(made)


def locate(quote: str, utterances: Iterable[Utterance]) -> list[Found]:
    """The places where a quote fits best, one an utterance; none where nobody says anything.

    Words are compared after Whisper's normaliser; a place is a run of words of one utterance, and its
    errors are substitutions, deletions and insertions.
    """
    said = list(utterances)
    normal = normaliser(language_of(said))
    wanted = normal(quote).split()
    places = []
    for utterance in said:
        words = normal(utterance.text).split()
        if wanted and words:
            errors, first, last = align(wanted, words)
            places.append(Found(utterance, errors, len(wanted), first, last, len(words)))
    least = min((place.errors for place in places), default=0)
    return [place for place in places if place.errors == least]


def align(wanted: Sequence[str], words: Sequence[str]) -> tuple[int, int, int]:
    """Fewest edits between ``wanted`` and any run ``words[first:last]``; returns (edits, first, last)."""
    # Sellers' algorithm: like Levenshtein's, but the run may begin and end anywhere.
    row = [(0, at) for at in range(len(words) + 1)]
    for n, word in enumerate(wanted, 1):
        above, row = row, [(n, 0)]
        for at, other in enumerate(words, 1):
            swap, begun = above[at - 1]
            row.append(
                min(
                    (swap + (word != other), begun),
                    (above[at][0] + 1, above[at][1]),
                    (row[at - 1][0] + 1, row[at - 1][1]),
                    key=lambda cell: (cell[0], -cell[1]),
                )
            )
    last = min(range(len(row)), key=lambda at: (row[at][0], at))
    return row[last][0], row[last][1], last


def _phrase(quote: str, found: Found, speaker: int | None) -> Phrase:
    """A quote as a phrase; where the corpus times no words, they share the utterance's time evenly."""
    utterance = found.utterance
    length = utterance.end - utterance.start
    start = utterance.start + length * found.first / found.of
    end = utterance.start + length * found.last / found.of
    if len(utterance.words) == found.of:
        start, end = utterance.words[found.first].start, utterance.words[max(found.first, found.last - 1)].end
    opens, closes = found.first <= _EDGE, found.of - found.last <= _EDGE
    return Phrase(quote, start, end, speaker, utterance, 1.0, opens, closes, True)
