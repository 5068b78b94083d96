"""Facts in two steps: first find a speaker by voice or behaviour, then their words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, kind, register
from paqa_builder.questions.facts.bases import Subject
from paqa_builder.questions.facts.voice import SCALES
from paqa_builder.questions.facts.words import QuoteKind, SaidBy
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import Phrase

# Role to the fact kind that finds its speaker, the subject key of that kind, and the name in sentences.
_ROLES = {
    **{which: ("voice_extreme", which, f"the person with {s.most}") for which, s in SCALES.items()},
    "longest": ("speaker_longest", "", "the person who talks longest in all"),
    "interrupter": ("interrupter", "", "the person who starts to talk while somebody else is still talking"),
}


@register
class RoleWords(QuoteKind):
    """Words of a speaker who is identified by voice or behaviour."""

    slots = ("role", "who")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[tuple[Subject, tuple[Phrase, ...]]]:
        for role, (name, key, who) in _ROLES.items():
            finder = kind(name)
            facts = [fact for fact in finder.facts(reading) if fact.key.startswith(f"{key}|")]
            if len(facts) != 1:
                continue
            (fact,) = facts
            number = wording.speaker_of_choice(fact.answer or "")
            assert number is not None
            choices = (fact.answer or "", *fact.own)
            verdicts = [finder.judge(reading, fact.about, choice) for choice in choices]
            reasons = (verdict.because for verdict in verdicts)
            steps = (*fact.steps, *reasons, f"So {who} is {wording.speaker(number)}.")
            evidence = tuple(dict.fromkeys((*fact.evidence, *(e for v in verdicts for e in v.evidence))))
            phrases = tuple(p for p in reading.speech.phrases if p.speaker == number)
            yield Subject(role, {"role": role, "who": who}, number, steps, evidence), phrases

    def holds(self, reading: Interpretation, about: Any, choice: str, phrases: tuple[Phrase, ...]) -> Verdict:
        return SaidBy().holds(reading, about, choice, phrases)
