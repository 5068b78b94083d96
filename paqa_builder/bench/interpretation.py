"""Interpretation of ground truth in the terms of one question, so that facts can judge the question.

A question names sounds by the tagger's labels, and quotes words as the transcriber recognised and segmented
them. In the interpretation an annotated sound has the name of the question, and each quote is a phrase at the
place in the reference transcript that matches it best.
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
"""Thresholds for deciding a fact by ground truth. They are lower than those of a build, so that questions
just above the build's thresholds can be decided, and higher than the usual error of annotators."""

MISHEARD = 1 / 3
"""Largest share of wrong words of a quote that counts as said."""
INVENTED = 1 / 2
"""A quote with a larger share of wrong words counts as not said."""
# A transcriber may miss up to two words at the start or end of an utterance.
_EDGE = 2

_QUOTE = re.compile("“([^”]*)”")
_SPEAKER = re.compile(r"\b(\w+) speaker\b")


@dataclass(frozen=True)
class QuotePlace:
    """The place of a quote in an utterance of the ground truth.

    Attributes:
        errors: Word edits between the quote and the place.
        words: Number of words of the quote.
        first: Index of the place's first word in the utterance.
        last: Index after its last word.
        length: Number of words of the utterance.
    """

    utterance: Utterance
    errors: int
    words: int
    first: int
    last: int
    length: int

    @property
    def share(self) -> float:
        """Share of wrong words."""
        return self.errors / self.words


@dataclass(frozen=True)
class TruthInterpretation(Interpretation):
    """Ground truth as an interpretation, with the quotes of a question as phrases."""

    quotes: tuple[str, ...] = ()
    located: dict[str, list[QuotePlace]] = field(default_factory=dict)

    @cached_property
    def maybe_speech(self) -> Speech | None:
        if self.scene.clip.truth.utterances is None:
            return None
        numbers = {s.name: s.number for s in self.maybe_voices.speakers} if self.maybe_voices else {}
        utterances = tuple(sorted(self.scene.clip.truth.utterances, key=lambda u: (u.start, u.end, u.text)))
        speakers = tuple(numbers.get(u.speaker or "") for u in utterances)
        phrases = [
            _phrase(quote, place, numbers.get(place.utterance.speaker or ""))
            for quote in self.quotes
            for place in self.located[quote]
            if place.share <= MISHEARD
        ]
        phrases.sort(key=lambda phrase: (phrase.start, phrase.end))
        return Speech(utterances, speakers, speakers, tuple(phrases), True)


def read(question: Question, form: AnswerType, scene: Scene, reference: Reference) -> TruthInterpretation:
    """Interprets the ground truth of a clip in the terms of a question.

    Args:
        form: Answer type of the question's facts.
        scene: The build's scene of the clip; only its length is used.
        reference: Ground truth, cut to that length.
    """
    truth = reference.truth
    names = [*mentioned(question.question)]
    if form is AnswerType.SOUND:
        names += map(wording.label_of_choice, question.choices)
    tags = None if truth.tags is None else renamed(truth.tags, names)
    if tags is not None and form is AnswerType.SOUND:
        # "Which of these comes last?" is about the choices: other sounds do not compete.
        tags = tuple(tag for tag in tags if any(audioset.same_source(tag.label, name) for name in names))
    # A tagger may give any label to a sound without an AudioSet class.
    complete = truth.tags_complete and all(true_of(tag.label) for tag in truth.tags or ())
    quotes = dict.fromkeys(_QUOTE.findall(question.question))
    if form in (AnswerType.QUOTE, AnswerType.WORD):
        # A word counts as said only if it occurs in a phrase.
        quotes |= dict.fromkeys(question.choices)
    clip = replace(scene.clip, truth=replace(truth, tags=tags, tags_complete=complete))
    return TruthInterpretation(
        Scene(clip, scene.audio),
        MARGINS,
        tuple(quotes),
        {quote: locate(quote, truth.utterances or ()) for quote in quotes},
    )


def mentioned(text: str) -> list[str]:
    """AudioSet labels of the sounds in a question's text; longer names take precedence."""
    labels = []
    for label in sorted(audioset.labels(), key=lambda label: (-len(wording.sound_of(label)), label)):
        if (name := wording.sound_of(label)) in text:
            labels.append(label)
            text = text.replace(name, "")
    return labels


def speakers_in(text: str) -> list[int]:
    """Numbers of the speakers in a text ("the second speaker")."""
    numbers = {wording.ordinal(n): n for n in range(1, 21)}
    return [numbers[word.lower()] for word in _SPEAKER.findall(text) if word.lower() in numbers]


def renamed(tags: Iterable[Tag], names: Sequence[str]) -> tuple[Tag, ...]:
    """Tags with the labels among ``names`` that are right for them, else with their AudioSet name."""
    result = []
    for tag in tags:
        fitting = dict.fromkeys(name for name in names if name in true_of(tag.label))
        result += [replace(tag, label=name) for name in fitting or (audioset_name(tag.label) or tag.label,)]
    return tuple(result)


def locate(quote: str, utterances: Sequence[Utterance]) -> list[QuotePlace]:
    """The places of the fewest word errors of a quote, at most one in each utterance.

    Words are compared after Whisper's text normalisation. A place is a run of words of one utterance;
    its errors are substitutions, deletions and insertions.
    """
    normal = normaliser(language_of(utterances))
    wanted = normal(quote).split()
    places = []
    for utterance in utterances:
        words = normal(utterance.text).split()
        if wanted and words:
            errors, first, last = align(wanted, words)
            places.append(QuotePlace(utterance, errors, len(wanted), first, last, len(words)))
    least = min((place.errors for place in places), default=0)
    return [place for place in places if place.errors == least]


def align(wanted: Sequence[str], words: Sequence[str]) -> tuple[int, int, int]:
    """Fewest edits between ``wanted`` and a run ``words[first:last]``; returns (edits, first, last)."""
    # Sellers' algorithm: Levenshtein's with free start and end of the run.
    row = [(0, at) for at in range(len(words) + 1)]
    for n, word in enumerate(wanted, 1):
        above, row = row, [(n, 0)]
        for at, other in enumerate(words, 1):
            edits, start = above[at - 1]
            row.append(
                min(
                    (edits + (word != other), start),
                    (above[at][0] + 1, above[at][1]),
                    (row[at - 1][0] + 1, row[at - 1][1]),
                    key=lambda cell: (cell[0], -cell[1]),
                )
            )
    last = min(range(len(row)), key=lambda at: (row[at][0], at))
    return row[last][0], row[last][1], last


def _phrase(quote: str, place: QuotePlace, speaker: int | None) -> Phrase:
    """A quote as a phrase. Without word times, the words share the utterance's time evenly."""
    utterance = place.utterance
    seconds = utterance.end - utterance.start
    start = utterance.start + seconds * place.first / place.length
    end = utterance.start + seconds * place.last / place.length
    if len(utterance.words) == place.length:
        start, end = utterance.words[place.first].start, utterance.words[max(place.first, place.last - 1)].end
    opens, closes = place.first <= _EDGE, place.length - place.last <= _EDGE
    return Phrase(quote, start, end, speaker, utterance, 1.0, opens, closes, True)
