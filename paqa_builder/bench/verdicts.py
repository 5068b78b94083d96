"""Are the questions right? Each is answered again from ground truth alone.

The precision of a build's questions is the share of right ones among those that truth decides. A
question counts as right if truth says that its answer holds and no other choice does; as wrong if the
answer does not hold, another choice holds as well, or what the question takes for granted is not so
(a third speaker where there are two, a dog where there is none, words that nobody says).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from paqa_builder.bench.interpretation import (
    INVENTED,
    MISHEARD,
    Found,
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
    """A question and what ground truth says of it.

    Attributes:
        verdict: ``"annotated"`` for a question that rests on the corpus's own annotation alone.
        reason: Why, in a few words.
        confidence: That of the question's weakest evidence.
        inexact: It is right, but a quote in it has a word wrong.
    """

    question: Question
    verdict: Verdict
    reason: str
    confidence: float
    inexact: bool = False

    @property
    def bin(self) -> str:
        """Its confidence bin, such as ``"0.8-0.9"``."""
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
    found = []
    for question in questions:
        if question.clip_id in pairs:
            scene, reference = pairs[question.clip_id]
            found.append(judge(question, scene, reference, by_name.get(question.template)))
    return found


def judge(question: Question, scene: Scene, reference: Reference, template: Template | None) -> Judged:
    """Answers one question from ground truth."""
    sure = min((item.confidence for item in question.evidence), default=1.0)
    if all(origin.startswith(TRUTH) for origin in question.provenance):
        return Judged(question, ANNOTATED, "rests on the corpus's own annotation", sure)
    if template is None:
        return Judged(question, UNDECIDED, "its template is not known here: --templates", sure)
    of = kind(template.fact)
    reading = read(question, of.form, scene, reference)
    unknown = [layer for layer in of.needs if not reading.knows(layer)]
    if unknown:
        return Judged(question, UNDECIDED, f"no ground truth for {', '.join(unknown)}", sure)
    if fault := _false_premise(question, of, reading):
        return Judged(question, WRONG, fault, sure)
    verdict, reason = _answered(question, of, template, reading)
    misheard = any(places[0].errors for places in _quotes(question, of, reading).values())
    inexact = verdict == RIGHT and misheard
    return Judged(question, verdict, reason, sure, inexact)


def score(judged: Iterable[Judged]) -> dict[str, Ratio]:
    """Precision, and the share that truth decides; by clip, so that questions on one clip stay together."""
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
    """Verdicts counted by template, skill, bin or what ``by`` gives, sorted by it."""
    found: dict[str, Counter[str]] = {}
    for item in judged:
        found.setdefault(by(item), Counter())[item.verdict] += 1
    return dict(sorted(found.items()))


def _false_premise(question: Question, of: FactKind, reading: TruthInterpretation) -> str:
    """What the question takes for granted and truth denies; empty if nothing."""
    asks_absence = of.name == "sound_absent"
    named = list(mentioned(question.question)) if reading.knows("tags") else []
    if of.form is AnswerType.SOUND and not asks_absence and question.answer != none_of_these.NOTHING:
        named.append(wording.label_of_choice(question.answer))
    for label in named:
        if reading.sounds.absent(label):
            return f"there is no {wording.name_of(label)}"
    if reading.knows("turns"):
        if "turns" in of.needs and of.form is not AnswerType.YES_NO and not reading.voices.speakers:
            return "nobody speaks"
        numbers = speakers_in(question.question)
        numbers += speakers_in(question.answer) if of.form is AnswerType.SPEAKER else []
        count = len(reading.voices.speakers)
        if max(numbers, default=0) > count:
            return f"there {'is' if count == 1 else 'are'} only {wording.count(count, 'speaker')}"
    for quote, places in _quotes(question, of, reading).items():
        if not places or places[0].share > INVENTED:
            return f"nobody says {wording.quote(quote)}"
    return ""


def _answered(
    question: Question, of: FactKind, template: Template, reading: TruthInterpretation
) -> tuple[Verdict, str]:
    subjects = [fact for fact in _subjects(of, reading) if template.asks(fact)]
    asked = [fact for fact in subjects if question.question in template.questions(fact)]
    if not asked:
        return UNDECIDED, _why_not_asked(question, of, reading)
    found = [_verdict(question, of, reading, fact) for fact in asked]
    # Several things may be asked about in the same words; any one of them may be meant.
    order: dict[Verdict, int] = {RIGHT: 0, UNDECIDED: 1, WRONG: 2}
    return min(found, key=lambda item: order[item[0]])


def _verdict(
    question: Question, of: FactKind, reading: TruthInterpretation, fact: Fact
) -> tuple[Verdict, str]:
    verdicts = none_of_these.judge_all(reading, of, fact, question.choices)
    holds = {choice: v.true for choice, v in zip(question.choices, verdicts, strict=True)}
    others = [choice for choice in question.choices if choice != question.answer and holds[choice]]
    if holds[question.answer] is False:
        return WRONG, f"{question.answer!r} is false" + (f", {others[0]!r} is true" if others else "")
    if others:
        return WRONG, f"{others[0]!r} is true"
    if holds[question.answer]:
        return RIGHT, "truth agrees"
    return UNDECIDED, "too close to call in the ground truth"


def _subjects(of: FactKind, reading: TruthInterpretation) -> list[Fact]:
    """What a kind of fact can be asked about in the ground truth, whether or not it has a clear answer."""
    if of.form is AnswerType.SPEAKER and not reading.voices.ordered:
        return []
    listed = getattr(of, "subjects", None)
    items = list(listed(reading)) if listed else []
    if not items and not of.slots and of.form is not AnswerType.QUOTE:
        # "Who speaks longest?" has an answer even where a build would not find it worth asking.
        items = [Subject()]
    subjects = [item[0] if isinstance(item, tuple) else item for item in items]
    return [Fact(subject.key, subject.slots, None, about=subject.about) for subject in subjects]


def _why_not_asked(question: Question, of: FactKind, reading: TruthInterpretation) -> str:
    for quote, places in _quotes(question, of, reading).items():
        if places[0].share > MISHEARD:
            return f"{wording.quote(quote)} is half misheard"
        if len(places) > 1:
            return f"{wording.quote(quote)} is said more than once"
    if (of.form is AnswerType.SPEAKER or speakers_in(question.question)) and not reading.voices.ordered:
        return "speakers begin too close together to be numbered"
    return "the ground truth has no such clear situation"


def _quotes(question: Question, of: FactKind, reading: TruthInterpretation) -> dict[str, list[Found]]:
    """The quotes that must be true for the question to be: those in it, and the answer if it is one."""
    texts = [quote for quote in reading.quotes if wording.quote(quote) in question.question]
    quoted = of.form is AnswerType.QUOTE and question.answer != none_of_these.NOTHING
    texts += [question.answer] if quoted else []
    return {text: reading.located[text] for text in texts}
