"""Facts about quotes: first and last, before and after, by the same speaker or by another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from paqa_builder.intervals import Spans
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject, YesNoKind, decided, numbered
from paqa_builder.questions.facts.words import Place, PlaceKind, said, when
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.speech import Phrase, near
from paqa_builder.questions.wording import quote, tokens
from paqa_builder.records import Utterance
from paqa_builder.seeded import digest, pick

# Longest pause within a sentence, in seconds.
_BREATH = 0.5


@per_scene
def once(reading: Interpretation) -> tuple[Phrase, ...]:
    """The phrases of known speakers that are said in only one place."""
    speech = reading.speech
    return tuple(p for p in speech.phrases if p.speaker is not None and len(speech.phrase(p.text)) == 1)


def _phrase_subject(phrase: Phrase) -> Subject:
    return Subject(phrase.text, {"quote": quote(phrase.text)}, None, (said(phrase),), phrase.evidence)


@register
class FirstWords(PlaceKind):
    """The first words of the clip."""

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        utterances, speech = reading.speech.utterances, reading.voices.speech
        if not utterances or not speech:
            return
        first = utterances[0]
        alone = all(other.start >= first.end for other in utterances[1:])
        # Otherwise the transcript lacks the first words of the clip.
        if alone and abs(first.start - speech[0][0]) <= reading.thresholds.order:
            step = f"The first voice sets in at {wording.at(speech[0][0])}."
            evidence = reading.voices.speakers[0].evidence[:1]
            yield Subject("first", steps=(step,), evidence=evidence), Place(first)


@register
class LastWords(PlaceKind):
    """The last words of the clip."""

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        utterances, speech = reading.speech.utterances, reading.voices.speech
        if not utterances or not speech:
            return
        last = max(utterances, key=lambda u: u.end)
        alone = all(other.end <= last.start for other in utterances if other != last)
        # Otherwise the transcript lacks the last words of the clip.
        if alone and abs(last.end - speech[-1][1]) <= reading.thresholds.order:
            step = f"The last voice falls silent at {wording.at(speech[-1][1])}."
            speaker = max(reading.voices.speakers, key=lambda s: s.offset)
            yield Subject("last", steps=(step,), evidence=speaker.evidence[-1:]), Place(last, opening=False)


@register
class SpeakerWords(PlaceKind):
    """The first or the last words of a given speaker."""

    slots = ("which", "speaker")

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        if not numbered(reading):
            return
        order = reading.thresholds.order
        speakers = dict(zip(reading.speech.utterances, reading.speech.speakers, strict=True))
        for speaker in reading.voices.speakers:
            number = speaker.number
            # Words of an unknown speaker may be the first or last words of this one.
            mine = [
                utterance
                for utterance, who in speakers.items()
                if who == number or (who is None and _meets(utterance, speaker.spans))
            ]
            if not mine:
                continue
            first, last = min(mine, key=lambda u: u.start), max(mine, key=lambda u: u.end)
            for which, edge, moment, evidence, place in (
                ("first", first.start, speaker.onset, speaker.evidence[:1], Place(first)),
                ("last", last.end, speaker.offset, speaker.evidence[-1:], Place(last, opening=False)),
            ):
                if speakers[place.utterance] == number and abs(edge - moment) <= order:
                    step = f"{wording.choice_of_speaker(number)} is {which} heard at {wording.at(moment)}."
                    slots = {"speaker": wording.speaker(number), "which": which}
                    yield Subject(f"{which} {number}", slots, None, (step,), evidence), place


def _meets(utterance: Utterance, spans: Spans) -> bool:
    return any(utterance.start < b and a < utterance.end for a, b in spans)


class _ReplyKind(PlaceKind):
    """Base of kinds about two consecutive utterances of different speakers."""

    slots: ClassVar[tuple[str, ...]] = ("quote",)

    @staticmethod
    def replies(reading: Interpretation) -> Iterator[tuple[Utterance, Utterance]]:
        """Pairs of utterances of known, different speakers, the second soon after the first."""
        utterances, speakers = reading.speech.utterances, reading.speech.speakers
        pairs = zip(itertools.pairwise(utterances), itertools.pairwise(speakers), strict=True)
        for (one, other), (first, second) in pairs:
            soon = 0 <= other.start - one.end <= reading.thresholds.soon
            if soon and first is not None and second is not None and first != second:
                yield one, other


@register
class SaidNext(_ReplyKind):
    """The first words of the next speaker after a given phrase."""

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        for one, other in self.replies(reading):
            for phrase in reading.speech.phrases:
                unique = len(reading.speech.phrase(phrase.text)) == 1
                if phrase.utterance == one and phrase.closes and unique:
                    yield _phrase_subject(phrase), Place(other)


@register
class SaidPrevious(_ReplyKind):
    """The last words of the previous speaker before a given phrase."""

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        opening = {phrase.utterance: phrase for phrase in once(reading) if phrase.opens}
        for one, other in self.replies(reading):
            if other in opening:
                yield _phrase_subject(opening[other]), Place(one, opening=False)


@dataclass(frozen=True)
class Piece:
    """A phrase that continues another phrase of the same utterance."""

    utterance: Utterance
    text: str

    def phrases(self, reading: Interpretation) -> tuple[Phrase, ...]:
        """The phrase as a tuple; empty if the scene does not have it."""
        return tuple(p for p in reading.speech.phrase(self.text) if p.utterance == self.utterance)[:1]


@register
class Completion(PlaceKind):
    """The words with which a speaker continues after a given phrase."""

    slots = ("quote",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place | Piece]]:  # type: ignore[override]
        unique = set(once(reading))
        for one, other in itertools.pairwise(reading.speech.phrases):
            pause = other.start - one.end if one.timed else 0.0
            if one.utterance != other.utterance or not 0 <= pause <= _BREATH:
                continue
            # A word that is too unclear to be quoted may lie between the two phrases.
            joined = " ".join((*tokens(one.text), *tokens(other.text)))
            if one in unique and joined in " ".join(tokens(one.utterance.text)):
                yield _phrase_subject(one), Piece(one.utterance, other.text)


@dataclass(frozen=True)
class _Two:
    one: str
    other: str

    def phrases(self, reading: Interpretation) -> tuple[Phrase, Phrase]:
        (one,), (other,) = reading.speech.phrase(self.one), reading.speech.phrase(self.other)
        return one, other


@per_scene
def two(reading: Interpretation) -> tuple[Subject, ...]:
    """Pairs of phrases from different utterances: each phrase with one partner drawn by hash."""
    phrases = once(reading)
    subjects = {}
    for phrase in phrases:
        others = [p for p in phrases if p.utterance != phrase.utterance and _differ(p, phrase)]
        if others:
            other = pick(others, "partner", *reading.clip_key, phrase.text)
            pair = sorted((phrase, other), key=lambda p: digest("two", *reading.clip_key, p.text))
            slots = {"one": quote(pair[0].text), "other": quote(pair[1].text)}
            about = _Two(pair[0].text, pair[1].text)
            key = f"{about.one}|{about.other}"
            subjects[key] = Subject(key, slots, about)
    return tuple(subjects.values())


def _differ(one: Phrase, other: Phrase) -> bool:
    return not near(tokens(one.text), tokens(other.text))


@register
class SameSpeaker(YesNoKind):
    """Whether two phrases are said by the same speaker."""

    needs = ("turns", "utterances")
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return two(reading) if numbered(reading) else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = about.phrases(reading)
        because = (
            f"{quote(one.text)} is said by {wording.speaker(one.speaker)} {when(one)}, "
            f"{quote(other.text)} by {wording.speaker(other.speaker)} {when(other)}."
        )
        return Verdict(one.speaker == other.speaker, because, (*one.evidence, *other.evidence))


@register
class QuoteOrder(YesNoKind):
    """Whether one phrase is said before another."""

    needs = ("turns", "utterances")
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return two(reading)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        one, other = about.phrases(reading)
        margin = reading.thresholds.order / 2
        right = decided(other.start - one.end >= margin, one.start - other.end >= margin)
        because = f"{quote(one.text)} is said {when(one)}, {quote(other.text)} {when(other)}."
        return Verdict(right, because, (*one.evidence, *other.evidence))
