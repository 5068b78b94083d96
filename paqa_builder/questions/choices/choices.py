"""Choices of a question: the right one and wrong ones that are proved false and look alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from paqa_builder.labels import audioset
from paqa_builder.questions.choices.lengths import Lengths
from paqa_builder.questions.choices.none_of_these import NOTHING, of_others
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict
from paqa_builder.questions.keywords import alike
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import near
from paqa_builder.questions.wording import choice_of_label, label_of_choice, tokens
from paqa_builder.seeded import shuffled

# Most candidates of the corpus to judge for one question.
_PATIENCE = 200
_SENTENCES = (AnswerType.QUOTE, AnswerType.TRANSLATION)


@dataclass(frozen=True)
class Choices:
    """The choices in the order of the question, with their verdicts."""

    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def index(self) -> int:
        """Index of the right choice."""
        return next(n for n, verdict in enumerate(self.verdicts) if verdict.true)


def choose(
    reading: Interpretation,
    kind: FactKind,
    fact: Fact,
    text: str,
    corpus: Corpus,
    wanted: int,
    *key: object,
    none_of_these: bool | None = None,
) -> Choices | None:
    """Draws the choices of a question.

    Wrong choices come first from the scene (words of another speaker, sounds at another time), then from
    the corpus.

    Args:
        text: The question.
        wanted: Number of choices. Sounds, words and quotes get exactly this many, or no fewer than three if
            the wrong ones must all be present in the clip (``fact.answer`` is None). Other answer types may
            have fewer.
        key: Seed of all draws.
        none_of_these: "None of these" is the right choice (True; replaces the answer of the fact), a wrong
            choice (False) or no choice (None).

    Returns:
        The choices; None if too few can be proved.
    """
    chosen: dict[str, Verdict] = {}

    def offer(candidate: str, truth: bool, any_length: bool = False) -> bool:
        if in_question(kind.form, candidate, text):
            return False
        if any(too_close(kind.form, candidate, other) for other in chosen):
            return False
        if lengths is not None and not any_length and not lengths.fit(candidate, chosen):
            return False
        verdict = kind.judge(reading, fact.about, candidate)
        if verdict.true is truth:
            chosen[candidate] = verdict
        return verdict.true is truth

    if none_of_these is not None:
        wanted -= 1
    lengths = Lengths.drawn(wanted, *key) if kind.form in _SENTENCES else None
    if fact.answer is not None and not none_of_these and not offer(fact.answer, True):
        return None
    rest = wanted - 1 if fact.answer is None else wanted
    dependent = kind.wrong(reading, fact, corpus, *key)
    for candidate in _own(kind, fact, corpus, *key) if dependent is None else dependent:
        if len(chosen) >= rest:
            break
        offer(candidate, False)
    drawn = islice(_pool(reading, kind, fact, corpus, *key), _PATIENCE)
    pool = (candidate for candidate in drawn if not _confusable(kind.form, candidate, chosen))
    if lengths is not None:
        # A small corpus may have no sentences of the same length.
        for any_length in (False, True):
            more = True
            while more and len(chosen) < wanted:
                like = lengths.missing([*chosen] or [fact.answer or ""])
                drawn = islice(_sentences(reading, kind, fact, corpus, like, *key), _PATIENCE)
                more = any(offer(candidate, False, any_length) for candidate in drawn)
        if len(chosen) < wanted:
            return None
    elif fact.answer is None:
        if len(chosen) < 2 or not any(offer(candidate, True) for candidate in pool):
            return None
    else:
        for candidate in pool:
            if len(chosen) == wanted:
                break
            offer(candidate, False)
        if (kind.form is AnswerType.SOUND or kind.form.spoken) and len(chosen) < wanted:
            return None
    if none_of_these is not None:
        chosen[NOTHING] = of_others(chosen.values())
    if len(chosen) < 2:
        return None
    texts = shuffled(chosen, "shuffle", *key)
    return Choices(tuple(texts), tuple(chosen[text] for text in texts))


def too_close(form: AnswerType, one: str, other: str) -> bool:
    """Whether two choices have the same words, or one includes the other."""
    if tokens(one) == tokens(other) or (form is AnswerType.WORD and alike(one, other)):
        return True
    if form in _SENTENCES and NOTHING not in (one, other):
        a, b = tokens(one), tokens(other)
        return near(a, b) or near(b, a)
    return form is AnswerType.SOUND and audioset.related(label_of_choice(one), label_of_choice(other))


def _confusable(form: AnswerType, candidate: str, chosen: Iterable[str]) -> bool:
    """Whether a sound is confusable with one of the choices.

    Wrong choices are never confusable with sounds of the clip. If they were with one another, the one that
    is not would be the answer.
    """
    label = label_of_choice(candidate)
    return form is AnswerType.SOUND and any(audioset.confusable(label, label_of_choice(o)) for o in chosen)


def in_question(form: AnswerType, choice: str, question: str) -> bool:
    """Whether the question contains the choice; numbers and speakers do not count."""
    if form is not AnswerType.SOUND and not form.spoken:
        return False
    return choice != NOTHING and f" {' '.join(tokens(choice))} " in f" {' '.join(tokens(question))} "


def _own(kind: FactKind, fact: Fact, corpus: Corpus, *key: object) -> Iterable[str]:
    if kind.form is AnswerType.LISTED:
        return corpus.draw_answers(kind.name, fact.group, fact.own, "own", *key)
    if kind.form in (AnswerType.NUMBER, AnswerType.SPEAKER):
        return shuffled(corpus.common_answers(kind.name, fact.group, fact.own), "own", *key)
    return shuffled(fact.own, "own", *key)


def _pool(reading: Interpretation, kind: FactKind, fact: Fact, corpus: Corpus, *key: object) -> Iterator[str]:
    if kind.form is AnswerType.SOUND:
        return map(choice_of_label, corpus.draw_labels(kind.name, "pool", *key))
    if kind.form is AnswerType.WORD:
        return corpus.draw_words(f"{reading.scene.clip.split}{fact.pool}", "pool", *key)
    return iter(())


def _sentences(
    reading: Interpretation, kind: FactKind, fact: Fact, corpus: Corpus, length: int, *key: object
) -> Iterator[str]:
    draw = corpus.draw_phrases if kind.form is AnswerType.QUOTE else corpus.draw_translations
    return draw(f"{reading.scene.clip.split}{fact.pool}", length, "pool", *key)
