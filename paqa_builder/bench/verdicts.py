"""Verdicts on questions by ground truth alone.

The precision of a build's questions is the share of right ones among the decided ones. A question is right
if the answer is true by ground truth and no other choice is. It is wrong if the answer is false, if another
choice is true as well, or if a presupposition is false (a third speaker where there are two, a dog where
there is none, a quote that is not said).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from paqa_builder.bench.interpretation import (
    INVENTED,
    MISHEARD,
    QuotePlace,
    TruthInterpretation,
    mentioned,
    read,
    speakers_in,
)
from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.questions import wording
from paqa_builder.questions.choices import none_of_these
from paqa_builder.questions.facts import AnswerType, Fact, FactKind, kind
from paqa_builder.questions.facts.bases import Subject
from paqa_builder.questions.question import Question
from paqa_builder.questions.templates import Template
from paqa_builder.records import TRUTH, Scene

Verdict = Literal["right", "wrong", "undecided", "annotated"]
RIGHT: Verdict = "right"
WRONG: Verdict = "wrong"
UNDECIDED: Verdict = "undecided"
ANNOTATED: Verdict = "annotated"
BINS = (0.0, 0.6, 0.7, 0.8, 0.9)
"""Lower edges of the confidence bins."""


@dataclass(frozen=True)
class Judged:
    """A question with its verdict.

    Attributes:
        verdict: The verdict; ``"annotated"`` if the question is based on the corpus's own annotation alone.
        reason: A short reason.
        confidence: The lowest confidence of the question's evidence.
        inexact: Whether the question is right, but a quote in it has a wrong word.
    """

    question: Question
    verdict: Verdict
    reason: str
    confidence: float
    inexact: bool = False

    @property
    def bin(self) -> str:
        """The confidence bin, such as ``"0.8-0.9"``."""
        edges = (*BINS, 1.0)
        n = sum(self.confidence >= edge for edge in BINS) - 1
        return f"{edges[n]:.1f}-{edges[n + 1]:.1f}"


def judge_all(
    questions: Iterable[Question],
    pairs: Mapping[str, tuple[Scene, Reference]],
    templates: Sequence[Template],
) -> list[Judged]:
    """Judges every question on a clip with ground truth (cut to the clip's length)."""
    by_name = {template.name: template for template in templates}
    return [
        judge(question, *pairs[question.clip_id], by_name.get(question.template))
        for question in questions
        if question.clip_id in pairs
    ]


def judge(question: Question, scene: Scene, reference: Reference, template: Template | None) -> Judged:
    """Judges one question by ground truth."""
    confidence = min((item.confidence for item in question.evidence), default=1.0)
    if all(origin.startswith(TRUTH) for origin in question.provenance):
        return Judged(question, ANNOTATED, "based on the corpus's own annotation", confidence)
    if template is None:
        return Judged(question, UNDECIDED, "unknown template: --templates", confidence)
    fact_kind = kind(template.fact)
    reading = read(question, fact_kind.form, scene, reference)
    unknown = [layer for layer in fact_kind.needs if not reading.knows(layer)]
    if unknown:
        return Judged(question, UNDECIDED, f"no ground truth for {', '.join(unknown)}", confidence)
    if fault := _false_premise(question, fact_kind, reading):
        return Judged(question, WRONG, fault, confidence)
    verdict, reason = _answered(question, fact_kind, template, reading)
    misheard = any(places[0].errors for places in _quotes(question, fact_kind, reading).values())
    return Judged(question, verdict, reason, confidence, inexact=verdict == RIGHT and misheard)


def score(judged: Iterable[Judged]) -> dict[str, Ratio]:
    """Precision and share of decided questions, as ratios over clips."""
    counts: dict[str, Counter[str]] = {}
    for item in judged:
        if item.verdict != ANNOTATED:
            counts.setdefault(item.question.clip_id, Counter())[item.verdict] += 1
    if not counts:
        return {}
    return {
        "question_precision": Ratio(
            {clip: (float(n[RIGHT]), float(n[RIGHT] + n[WRONG])) for clip, n in counts.items()}
        ),
        "question_decided": Ratio(
            {clip: (float(n[RIGHT] + n[WRONG]), float(n.total())) for clip, n in counts.items()}
        ),
    }


def tally(judged: Iterable[Judged], by: Callable[[Judged], str]) -> dict[str, Counter[str]]:
    """Counts of verdicts by the value of ``by``, sorted."""
    counts: dict[str, Counter[str]] = {}
    for item in judged:
        counts.setdefault(by(item), Counter())[item.verdict] += 1
    return dict(sorted(counts.items()))


def _false_premise(question: Question, fact_kind: FactKind, reading: TruthInterpretation) -> str:
    """A presupposition of the question that is false by ground truth; empty if there is none."""
    form = fact_kind.form
    asks_absence = fact_kind.name == "sound_absent"
    labels = list(mentioned(question.question)) if reading.knows("tags") else []
    if form is AnswerType.SOUND and not asks_absence and question.answer != none_of_these.NOTHING:
        labels.append(wording.label_of_choice(question.answer))
    for label in labels:
        if reading.sounds.absent(label):
            return f"there is no {wording.name_of(label)}"
    if reading.knows("turns"):
        if "turns" in fact_kind.needs and form is not AnswerType.YES_NO and not reading.voices.speakers:
            return "there is no speech"
        numbers = speakers_in(question.question)
        numbers += speakers_in(question.answer) if form is AnswerType.SPEAKER else []
        count = len(reading.voices.speakers)
        if max(numbers, default=0) > count:
            return f"there {'is' if count == 1 else 'are'} only {wording.count(count, 'speaker')}"
    for quote, places in _quotes(question, fact_kind, reading).items():
        if not places or places[0].share > INVENTED:
            return f"{wording.quote(quote)} is not said"
    return ""


def _answered(
    question: Question, fact_kind: FactKind, template: Template, reading: TruthInterpretation
) -> tuple[Verdict, str]:
    """The verdict on a question without a false presupposition, and its reason."""
    subjects = [fact for fact in _subjects(fact_kind, reading) if template.asks(fact)]
    asked = [fact for fact in subjects if template.fits(fact, question.question)]
    if not asked:
        return UNDECIDED, _why_not_asked(question, fact_kind, reading)
    verdicts = [_verdict(question, fact_kind, reading, fact) for fact in asked]
    # The question's text may fit several facts, and any of them may be meant.
    order: dict[Verdict, int] = {RIGHT: 0, UNDECIDED: 1, WRONG: 2}
    return min(verdicts, key=lambda item: order[item[0]])


def _verdict(
    question: Question, fact_kind: FactKind, reading: TruthInterpretation, fact: Fact
) -> tuple[Verdict, str]:
    verdicts = none_of_these.judge_all(reading, fact_kind, fact, question.choices)
    holds = {choice: v.true for choice, v in zip(question.choices, verdicts, strict=True)}
    others = [choice for choice in question.choices if choice != question.answer and holds[choice]]
    if holds[question.answer] is False:
        return WRONG, f"{question.answer!r} is false" + (f", {others[0]!r} is true" if others else "")
    if others:
        return WRONG, f"{others[0]!r} is true"
    if holds[question.answer]:
        return RIGHT, "the ground truth agrees"
    return UNDECIDED, "too close to call in the ground truth"


def _subjects(fact_kind: FactKind, reading: TruthInterpretation) -> list[Fact]:
    """Facts of a kind in the ground truth, also those without a clear answer."""
    if fact_kind.form is AnswerType.SPEAKER and not reading.voices.ordered:
        return []
    listed = getattr(fact_kind, "subjects", None)
    items = list(listed(reading)) if listed else []
    if not items and not fact_kind.slots and fact_kind.form is not AnswerType.QUOTE:
        # "Who speaks longest?" has an answer even if a build would not ask it.
        items = [Subject()]
    subjects = [item[0] if isinstance(item, tuple) else item for item in items]
    return [Fact(subject.key, subject.slots, None, about=subject.about) for subject in subjects]


def _why_not_asked(question: Question, fact_kind: FactKind, reading: TruthInterpretation) -> str:
    for quote, places in _quotes(question, fact_kind, reading).items():
        if places[0].share > MISHEARD:
            return f"{wording.quote(quote)} is half misheard"
        if len(places) > 1:
            return f"{wording.quote(quote)} is said more than once"
    asks_speaker = fact_kind.form is AnswerType.SPEAKER or speakers_in(question.question)
    if asks_speaker and not reading.voices.ordered:
        return "the speakers start too close together to be numbered"
    return "the situation is not clear in the ground truth"


def _quotes(
    question: Question, fact_kind: FactKind, reading: TruthInterpretation
) -> dict[str, list[QuotePlace]]:
    """Places of the quotes that the question presupposes: those in its text, and a quoted answer."""
    texts = [quote for quote in reading.quotes if wording.quote(quote) in question.question]
    quoted = fact_kind.form is AnswerType.QUOTE and question.answer != none_of_these.NOTHING
    texts += [question.answer] if quoted else []
    return {text: reading.located[text] for text in texts}
