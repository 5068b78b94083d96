"""New wordings: equivalent ones are published and proved, altered claims are rejected."""

from __future__ import annotations

import json
import re
import runpy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.llm_server import fair

from paqa_builder.llm import rephrase
from paqa_builder.llm.cache import Reply
from paqa_builder.questions import Corpus, QaOptions, Question, generate, load_templates, verify
from paqa_builder.questions.traces.rewording import TEXTS, faults, restored, rewrite, texts_of
from paqa_builder.records import Scene, to_json

TEMPLATES = {t.name: t for t in load_templates()}
OPTIONS = QaOptions(per_clip=60, per_template=1, balance=False, reflection=0.3)
MADE = runpy.run_path(str(Path(__file__).parents[1] / "helpers/scenes_made.py"))
CORPUS = Corpus.of(MADE["many"](20))
PAIRS: list[tuple[Scene, Question]] = [
    (scene, question)
    for scene in (MADE["kitchen"](), MADE["annotated"](), MADE["farm"]())
    for question in generate(scene, CORPUS, list(TEMPLATES.values()), OPTIONS)
]


def told(text: object) -> Reply:
    return Reply(text if isinstance(text, str) else json.dumps(text), "stop", 10, 10)


def apply(question: Question, reply: Reply) -> tuple[Question, Counter[str]]:
    counts: Counter[str] = Counter()
    return rephrase.apply(question, reply, TEMPLATES[question.template], "made-up", counts), counts


def proved(question: Question, scene: Scene) -> list[str]:
    return verify(question, scene, OPTIONS, list(TEMPLATES.values()))


def test_fair_wordings_are_published_and_proved() -> None:
    reworded = 0
    for scene, question in PAIRS:
        made, counts = apply(question, told(fair("", rephrase.messages(question)[1][1])))
        assert proved(made, scene) == [], (question, made)
        assert (made.choices, made.answer, made.evidence) == (
            question.choices,
            question.answer,
            question.evidence,
        )
        assert restored(made) == question
        again = Question.from_json(json.loads(json.dumps(to_json(made))))
        assert again.rewritten == made.rewritten
        assert not [name for name in counts if name.startswith(("rejected", "thrown"))], (question, counts)
        reworded += made.rewritten is not None
    assert reworded > len(PAIRS) / 2
    assert any(q.reflection for _, q in PAIRS)


def swap(one: str, other: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"\b{one}\b", "\0", text).replace(other, one).replace("\0", other)


LIES: dict[str, Callable[[str], str]] = {
    "adds a sound": lambda t: re.sub(r"([.?])$", r" with a chainsaw\1", t),
    "adds a man": lambda t: re.sub(r"\bspeaker\b", "male speaker", t, count=1),
    "adds a mood": lambda t: re.sub(r"\bthe\b", "the angry", t, count=1),
    "changes the speaker": swap("first speaker", "second speaker"),
    "flips the order": swap("before", "after"),
    "flips a negation": lambda t: re.sub(r"\bis\b", "is not", t, count=1),
    "drops a negation": lambda t: re.sub(r"\b(?:not|no|never) ", "", t, count=1),
    "changes a number": lambda t: re.sub(r"\d", lambda m: str((int(m[0]) + 1) % 10), t, count=1),
    "changes a quote": lambda t: re.sub("”", " indeed”", t, count=1),
    "is unsure": lambda t: re.sub(r"\bis\b", "is perhaps", t, count=1),
    "says the letter": lambda t: re.sub(r"([.?])$", r" (B)\1", t),
    "writes markup": lambda t: f"**{t}**",
    "goes on": lambda t: f"{t} There is more.",
}


@pytest.mark.parametrize("lie", LIES)
def test_altered_claims_are_rejected(lie: str) -> None:
    lies = 0
    for _, question in PAIRS:
        old = texts_of(question)
        new = {name: LIES[lie](text) for name, text in old.items()}
        lies += sum(old[name] != new[name] for name in TEXTS)
        made, counts = apply(question, told(new))
        assert made == question, (lie, counts, new)
        assert sum(counts.values()) == len(TEXTS)
    assert lies > 10


def test_the_verifier_refuses_what_was_tampered_with() -> None:
    for scene, question in PAIRS[::8]:
        for lie in LIES.values():
            for name, text in texts_of(question).items():
                if lie(text) == text:
                    continue
                # A false wording that bypassed the check.
                forged = rewrite(question, "made-up", {name: lie(text)})
                assert proved(forged, scene), (name, lie(text))
    scene, question = next(pair for pair in PAIRS if "heard" in pair[1].question)
    made, _ = apply(question, told(fair("", rephrase.messages(question)[1][1])))
    assert made.rewritten
    assert proved(replace(made, rewritten=None), scene)
    assert proved(replace(made, rewritten=replace(made.rewritten, model="")), scene)
    other = replace(made.rewritten, planning="I should listen to the rain.")
    assert proved(replace(made, rewritten=other), scene)
    assert proved(replace(made, choices=made.choices[::-1]), scene)


def test_a_choice_is_not_smuggled_into_the_question() -> None:
    question = next(q for _, q in PAIRS if q.template == "speaker_count" or q.template == "speaker_last")
    text = question.question[:-1] + f", {question.answer.lower()}?"
    found = faults("question", question.question, text, question, TEMPLATES[question.template])
    assert "a choice in the question" in found


def test_unusable_replies_are_counted_by_reason() -> None:
    _, question = PAIRS[0]
    good = texts_of(question)
    text = json.dumps(good)
    for reply, reason in (
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ("I'm sorry, I cannot help with that.", "refused"),
        (f"Here you are: {text}", "text around the JSON"),
        ({"question": "?"}, "missing keys"),
        (good | {"mood": "gay"}, "unexpected keys"),
        (good | {"planning": 3}, "not text"),
        (good | {"choices": ["A", "B"]}, "choices changed"),
    ):
        made, counts = apply(question, told(reply))
        assert made == question
        assert counts == {f"thrown away: {reason}": 1}
    made, counts = apply(question, Reply(text[:-20], "length", 1, 1))
    assert counts == {"thrown away: cut off": 1}


def test_one_fenced_block_and_unchanged_choices_are_accepted() -> None:
    _, question = PAIRS[0]
    data = fair("", rephrase.messages(question)[1][1]) | {"choices": list(question.choices)}
    made, _ = apply(question, told(f"<think>hm</think>\n```json\n{json.dumps(data)}\n```"))
    assert made == apply(question, told(data))[0]


def test_texts_are_judged_one_by_one() -> None:
    scene, question = next(pair for pair in PAIRS if "is heard" in pair[1].question)
    data = fair("", rephrase.messages(question)[1][1]) | {"summary": "A chainsaw is heard."}
    made, counts = apply(question, told(data))
    assert made.rewritten
    assert made.rewritten.summary is None
    assert made.rewritten.question == question.question
    assert any(name.startswith("rejected: summary: another") for name in counts)
    assert proved(made, scene) == []


def test_neither_choices_nor_answer_are_sent() -> None:
    _, question = PAIRS[0]
    sent = json.loads(rephrase.messages(question)[1][1])
    assert set(sent) == set(TEXTS)
