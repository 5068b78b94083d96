"""Facts that take two steps: who it is, by how they sound or behave, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, kind, register
from paqa_builder.questions.facts.bases import SpeakerKind, Subject
from paqa_builder.questions.facts.voice import SCALES
from paqa_builder.questions.facts.words import QuoteKind, SaidBy
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import Phrase

# Who is meant, by the kind of fact that says so and its subject.
_ROLES = {
    **{which: ("voice_extreme", which, f"the person with {s.most}") for which, s in SCALES.items()},
    "longest": ("speaker_longest", "", "the person who talks longest in all"),
    "interrupter": ("interrupter", "", "the person who starts to talk while somebody else is still talking"),
}


@register
class RoleWords(QuoteKind):
    """What somebody says who must first be found by how they sound or behave."""

    name = "role_words"
    needs = ("turns", "utterances")
    slots = ("role", "who")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        for role, (name, key, who) in _ROLES.items():
            of = kind(name)
            assert isinstance(of, SpeakerKind)
            found = [fact for fact in of.facts(reading) if fact.key.startswith(f"{key}|")]
            if len(found) != 1:
                continue
            fact = found[0]
            number = wording.speaker_of_choice(fact.answer or "")
            assert number is not None
            verdicts = [of.judge(reading, fact.about, choice) for choice in (fact.answer or "", *fact.own)]
            steps = (
                *fact.steps,
                *(verdict.because for verdict in verdicts),
                f"So {who} is {wording.speaker(number)}.",
            )
            evidence = tuple(dict.fromkeys((*fact.evidence, *(e for v in verdicts for e in v.evidence))))
            yield (
                Subject(role, {"role": role, "who": who}, number, steps, evidence),
                tuple(p for p in reading.speech.phrases if p.speaker == number),
            )

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        said_by = kind("said_by")
        assert isinstance(said_by, SaidBy)
        return said_by.holds(reading, about, choice, phrases)
