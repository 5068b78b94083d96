"""The blind gate: balancing, refusal, policies and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from helpers.blind_made import fair, leaking, one_sided
from pydantic import ValidationError

from paqa_builder.gate.balance import surplus
from paqa_builder.gate.gate import judge
from paqa_builder.gate.item import BlindItem
from paqa_builder.gate.options import GateOptions
from paqa_builder.gate.report import GateReport

FAIR = [fair(n) for n in range(300)]


def test_fair_questions_stay() -> None:
    verdicts = judge(lambda: FAIR)
    assert verdicts.report.judged
    assert verdicts.report.passed
    assert not verdicts.refused
    assert not verdicts.weak
    assert {verdicts.contribution(item.id) for item in FAIR} == {"strong"}


def test_an_answer_that_is_right_too_often_is_evened_out() -> None:
    items = FAIR + [one_sided(n) for n in range(300)]
    verdicts = judge(lambda: items)
    left = [item for item in items if item.template == "yes" and item.id not in verdicts.refused]
    answers = Counter(item.choices[item.answer] for item in left)
    assert len(left) > 80
    assert 0.7 < answers["Yes"] / answers["No"] < 1.4
    assert verdicts.report.templates["yes"][0].accuracy > 0.75
    assert not verdicts.report.templates["yes"][1].beats(0.05)
    assert verdicts.report.passed
    assert verdicts.report.balanced == {"yes": 300 - len(left)}
    assert not verdicts.report.refused
    reasons = {verdicts.refused[item.id] for item in items if item.id in verdicts.refused}
    assert reasons == {"gate: thinned out: “Yes” is right too often"}


def test_a_template_that_balancing_cannot_fix_is_refused() -> None:
    items = FAIR + [leaking(n) for n in range(200)]
    verdicts = judge(lambda: items)
    assert {i.id for i in items if i.template == "leak"} == set(verdicts.refused)
    assert verdicts.report.templates["leak"][1].questions == 0
    assert verdicts.report.passed
    assert any("leak is answered without the audio" in why for why in verdicts.refused.values())


def test_small_templates_that_lift_the_whole_are_refused_together() -> None:
    items = FAIR + [leaking(n, f"leak {n % 8}") for n in range(160)]  # 20 each: too few to judge alone
    verdicts = judge(lambda: items)
    assert verdicts.report.passed
    assert not verdicts.report.after.beats(0.02)
    assert sum(verdicts.report.refused.values()) >= 120


def test_a_template_thinned_to_too_few_questions_is_refused() -> None:
    items = FAIR + [one_sided(n, share=0.97) for n in range(200)]
    verdicts = judge(lambda: items)
    assert all(item.id in verdicts.refused for item in items if item.template == "yes")


@pytest.mark.parametrize("policy", ["refuse", "warn", "off"])
def test_policies(policy: str) -> None:
    items = FAIR + [one_sided(n) for n in range(300)]
    verdicts = judge(lambda: items, GateOptions(policy=policy))
    assert verdicts.report.judged == (policy != "off")
    assert len(verdicts.refused) == (300 if policy == "refuse" else 0)
    assert verdicts.report.passed == (policy != "warn")
    if policy == "warn":
        assert {verdicts.contribution(i.id) for i in items if i.template == "yes"} == {"weak", "strong"}
    if policy == "off":
        assert verdicts.contribution("yes-1") is None


def test_questions_whose_text_predicts_the_answer_are_weak() -> None:
    items = FAIR + [leaking(n) for n in range(200)]
    verdicts = judge(lambda: items, GateOptions(policy="warn"))
    weak = Counter(item.template for item in items if verdicts.contribution(item.id) == "weak")
    assert weak["leak"] > 180
    assert weak["fair"] < 15
    assert verdicts.report.weak == weak.total()


def test_a_stronger_reader_marks_further_questions_weak() -> None:
    def knows_some(items: Sequence[BlindItem]) -> list[float | None]:
        return [0.9 if item.id == "fair-7" else None if item.id == "fair-8" else 0.3 for item in items]

    verdicts = judge(lambda: FAIR, reader=knows_some)
    assert verdicts.weak == {"fair-7"}


def test_too_few_questions_are_not_judged() -> None:
    verdicts = judge(lambda: [one_sided(n) for n in range(60)])
    assert verdicts.report == GateReport()
    assert verdicts.contribution("yes-1") is None


def test_judging_is_deterministic() -> None:
    items = FAIR + [one_sided(n) for n in range(300)]
    one, two = judge(lambda: items), judge(lambda: list(items))
    assert one == two


def test_a_report_survives_json() -> None:
    report = judge(lambda: FAIR + [one_sided(n) for n in range(300)]).report
    assert GateReport.from_json(report.to_json()).to_json() == report.to_json()


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError):
        GateOptions(magrin=0.1)  # type: ignore[call-arg]


def test_rare_answers_are_kept() -> None:
    """Sixteen sounds, each right about as often as by chance."""
    assert not surplus(FAIR[:120], {"fair"})
