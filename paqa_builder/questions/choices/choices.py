"""Choices: the right one, and wrong ones that are proved false and look no different."""

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
from paqa_builder.questions.reading.speech import NEAR, near
from paqa_builder.questions.wording import choice_of_label, label_of_choice, tokens
from paqa_builder.seeded import shuffled

# How many of the corpus's candidates to judge before giving up on a question.
_PATIENCE = 200
_SENTENCES = (AnswerType.QUOTE, AnswerType.TRANSLATION)


@dataclass(frozen=True)
class Choices:
    """The choices in the order of the question, each with the verdict on it."""

    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def index(self) -> int:
        """Where the right one is."""
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
    """Finds the choices for the question ``text`` on ``fact``; None where too few can be proved.

    Wrong choices come from the scene first (said by another, heard at another time), then from the
    corpus. Sounds and quotes always get ``wanted`` choices; only where the wrong ones must all be
    heard (``fact.answer`` is None) there may be three. Other forms have as many as there are.

    Args:
        none_of_these: "None of these" is the right choice (True; the fact's own answer is then not
            offered), a wrong one (False), or no choice at all.
    """
    found: dict[str, Verdict] = {}

    def offer(candidate: str, truth: bool, any_length: bool = False) -> bool:
        if in_question(kind.form, candidate, text):
            return False
        if any(too_close(kind.form, candidate, other) for other in found):
            return False
        if lengths is not None and not any_length and not lengths.fit(candidate, found):
            return False
        verdict = kind.judge(reading, fact.about, candidate)
        if verdict.true is truth:
            found[candidate] = verdict
        return verdict.true is truth

    if none_of_these is not None:
        wanted -= 1
    lengths = Lengths.drawn(wanted, *key) if kind.form in _SENTENCES else None
    if fact.answer is not None and not none_of_these and not offer(fact.answer, True):
        return None
    rest = wanted - 1 if fact.answer is None else wanted
    together = kind.wrong(reading, fact, corpus, *key)
    for candidate in _own(kind, fact, corpus, *key) if together is None else together:
        if len(found) >= rest:
            break
        offer(candidate, False)
    drawn = islice(_pool(reading, kind, fact, corpus, *key), _PATIENCE)
    pool = (candidate for candidate in drawn if not _kin(kind.form, candidate, found))
    if lengths is not None:
        # A small corpus may not have sentences of the same length.
        for any_length in (False, True):
            more = True
            while more and len(found) < wanted:
                like = lengths.missing([*found] or [fact.answer or ""])
                drawn = islice(_sentences(reading, kind, fact, corpus, like, *key), _PATIENCE)
                more = any(offer(candidate, False, any_length) for candidate in drawn)
        if len(found) < wanted:
            return None
    elif fact.answer is None:
        if len(found) < 2 or not any(offer(candidate, True) for candidate in pool):
            return None
    else:
        for candidate in pool:
            if len(found) == wanted:
                break
            offer(candidate, False)
        if (kind.form is AnswerType.SOUND or kind.form.spoken) and len(found) < wanted:
            return None
    if none_of_these is not None:
        found[NOTHING] = of_others(found.values())
    if len(found) < 2:
        return None
    texts = shuffled(found, "shuffle", *key)
    return Choices(tuple(texts), tuple(found[text] for text in texts))


def too_close(form: AnswerType, one: str, other: str) -> bool:
    """True if two choices are the same to the eye, or one is a kind of the other."""
    if tokens(one) == tokens(other) or (form is AnswerType.WORD and alike(one, other)):
        return True
    if form in _SENTENCES and NOTHING not in (one, other):
        return max(_shared(one, other), _shared(other, one)) >= NEAR
    return form is AnswerType.SOUND and audioset.related(label_of_choice(one), label_of_choice(other))


def _kin(form: AnswerType, candidate: str, found: Iterable[str]) -> bool:
    """True if a sound could be taken for one that is already among the choices.

    No wrong choice is ever kin to what is heard. If wrong choices could be kin to each other, the
    one without kin would be the answer.
    """
    label = label_of_choice(candidate)
    return form is AnswerType.SOUND and any(audioset.confusable(label, label_of_choice(o)) for o in found)


def in_question(form: AnswerType, choice: str, question: str) -> bool:
    """True if the question already says the choice; numbers and speakers may well occur in it."""
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


def _shared(one: str, other: str) -> float:
    return near(tokens(one), tokens(other))
