"""Facts about what is said where: first and last, before and after, by the same person or another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject, YesNoKind, numbered
from paqa_builder.questions.facts.words import Place, PlaceKind, when
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import NEAR, Phrase, near
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.records import Utterance
from paqa_builder.seeded import digest, pick

# A pause within a sentence is no longer than this.
_BREATH = 0.5


def once(reading: Interpretation) -> list[Phrase]:
    """The phrases that are quoted from one place only, by a known speaker."""
    speech = reading.speech
    return [p for p in speech.phrases if p.speaker is not None and len(speech.phrase(p.text)) == 1]


@register
class LastWords(PlaceKind):
    """The last words of the clip."""

    name = "last_words"

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        utterances, speech = reading.speech.utterances, reading.voices.speech
        if not utterances or not speech:
            return
        last = max(utterances, key=lambda u: u.end)
        alone = all(other.end <= last.start for other in utterances if other != last)
        # Speech well after the last transcribed word was not understood.
        if alone and abs(last.end - speech[-1][1]) <= reading.thresholds.order:
            step = f"The last voice falls silent at {wording.at(speech[-1][1])}."
            speaker = max(reading.voices.speakers, key=lambda s: s.offset)
            yield Subject("last", steps=(step,), evidence=speaker.evidence[-1:]), Place(last, opening=False)


@register
class SpeakerWords(PlaceKind):
    """Somebody's first words, or last ones."""

    name = "speaker_words"
    slots = ("which", "speaker")

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        if not numbered(reading):
            return
        speech, order = reading.speech, reading.thresholds.order
        for speaker in reading.voices.speakers:
            number = speaker.number
            pairs = zip(speech.utterances, speech.speakers, strict=True)
            # Words that may be anybody's may be this one's first.
            mine = [u for u, who in pairs if who == number or (who is None and _meets(u, speaker.spans))]
            whose = dict(zip(speech.utterances, speech.speakers, strict=True))
            if not mine:
                continue
            slots = {"speaker": wording.speaker(number)}
            first, last = min(mine, key=lambda u: u.start), max(mine, key=lambda u: u.end)
            if whose[first] == number and abs(first.start - speaker.onset) <= order:
                step = f"{wording.choice_of_speaker(number)} is first heard at {wording.at(speaker.onset)}."
                evidence = speaker.evidence[:1]
                yield (
                    Subject(f"first {number}", {**slots, "which": "first"}, None, (step,), evidence),
                    Place(first),
                )
            if whose[last] == number and abs(last.end - speaker.offset) <= order:
                step = f"{wording.choice_of_speaker(number)} is last heard at {wording.at(speaker.offset)}."
                evidence = speaker.evidence[-1:]
                yield (
                    Subject(f"last {number}", {**slots, "which": "last"}, None, (step,), evidence),
                    Place(last, opening=False),
                )


def _meets(utterance: Utterance, spans: Iterable[tuple[float, float]]) -> bool:
    return any(utterance.start < b and a < utterance.end for a, b in spans)


@register
class SaidPrevious(PlaceKind):
    """The words of the speaker before, right before a certain phrase."""

    name = "said_previous"
    slots = ("quote",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        speech, limits = reading.speech, reading.thresholds
        whose = dict(zip(speech.utterances, speech.speakers, strict=True))
        opening = {phrase.utterance: phrase for phrase in once(reading) if phrase.opens}
        for one, other in zip(speech.utterances, speech.utterances[1:], strict=False):
            if not 0 <= other.start - one.end <= limits.soon or other not in opening:
                continue
            if whose[one] is None or whose[other] is None or whose[one] == whose[other]:
                continue
            phrase = opening[other]
            step = f"{quote(phrase.text)} is said {when(phrase)}."
            yield (
                Subject(phrase.text, {"quote": quote(phrase.text)}, None, (step,), phrase.evidence),
                Place(one, opening=False),
            )


@dataclass(frozen=True)
class Piece:
    """A phrase within an utterance, which follows another one of the same breath."""

    utterance: Utterance
    text: str

    def phrases(self, reading: Interpretation) -> tuple[Phrase, ...]:
        """The phrase itself."""
        return tuple(p for p in reading.speech.phrase(self.text) if p.utterance == self.utterance)[:1]


@register
class Completion(PlaceKind):
    """How somebody goes on after a certain phrase."""

    name = "completion"
    slots = ("quote",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place | Piece]]:  # type: ignore[override]
        phrases = reading.speech.phrases
        unique = set(once(reading))
        for one, other in itertools.pairwise(phrases):
            pause = other.start - one.end if one.timed else 0.0
            if one.utterance != other.utterance or not 0 <= pause <= _BREATH:
                continue
            # A word that is not clear enough to be quoted may lie between them.
            joined = " ".join((*tokens(one.text), *tokens(other.text)))
            if one not in unique or joined not in " ".join(tokens(one.utterance.text)):
                continue
            step = f"{quote(one.text)} is said {when(one)}."
            yield (
                Subject(one.text, {"quote": quote(one.text)}, None, (step,), one.evidence),
                Piece(one.utterance, other.text),
            )


@dataclass(frozen=True)
class _Two:
    one: str
    other: str

    def phrases(self, reading: Interpretation) -> tuple[Phrase, Phrase]:
        (one,), (other,) = reading.speech.phrase(self.one), reading.speech.phrase(self.other)
        return one, other


def two(reading: Interpretation) -> Iterator[Subject]:
    """Pairs of phrases from different utterances: each phrase once, with a partner chosen by hash."""
    phrases = once(reading)
    for phrase in phrases:
        others = [p for p in phrases if p.utterance != phrase.utterance and _differ(p, phrase)]
        if others:
            other = pick(others, "partner", *reading.clip_key, phrase.text)
            pair = sorted((phrase, other), key=lambda p: digest("two", *reading.clip_key, p.text))
            slots = {"one": quote(pair[0].text), "other": quote(pair[1].text)}
            about = _Two(pair[0].text, pair[1].text)
            yield Subject(f"{about.one}|{about.other}", slots, about)


def _differ(one: Phrase, other: Phrase) -> bool:
    return near(tokens(one.text), tokens(other.text)) < NEAR


@register
class SameSpeaker(YesNoKind):
    """Whether two phrases are said by one person."""

    name = "same_speaker"
    needs = ("turns", "utterances")
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return {s.key: s for s in two(reading)}.values() if numbered(reading) else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = about.phrases(reading)
        evidence = (*one.evidence, *other.evidence)
        because = (
            f"{quote(one.text)} is said by {wording.speaker(one.speaker)} {when(one)}, "
            f"{quote(other.text)} by {wording.speaker(other.speaker)} {when(other)}."
        )
        return Verdict(one.speaker == other.speaker, because, evidence)


@register
class QuoteOrder(YesNoKind):
    """Whether one phrase is said before another."""

    name = "quote_order"
    needs = ("turns", "utterances")
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return {s.key: s for s in two(reading)}.values()

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = about.phrases(reading)
        early, late = sorted((one, other), key=lambda p: p.start)
        if late.start - early.end < reading.thresholds.order / 2:
            return Verdict(None)
        because = f"{quote(one.text)} is said {when(one)}, {quote(other.text)} {when(other)}."
        return Verdict(one == early, because, (*one.evidence, *other.evidence))
