"""Rewards, and completions that must not game them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.recipe_data import shards  # noqa: F401

from paqa_builder.errors import ConfigError
from paqa_builder.labels import audioset
from paqa_builder.questions.traces import grammar
from paqa_builder.questions.traces.grammar import Trace
from recipes import rewards
from recipes.config import Config, Data
from recipes.data import prompts, rows
from recipes.data.rows import Row
from recipes.rewards import perception, records
from recipes.rewards.perception import parts

WEIGHTS = Config().rewards
SCENE: dict[str, Any] = {
    "turns": [
        {"start": 0.5, "end": 2.0, "speaker": "S1"},
        {"start": 2.5, "end": 4.0, "speaker": "S2"},
    ],
    "tags": [
        {"start": 1.0, "end": 2.0, "label": "Dog", "score": 0.9},
        {"start": 4.0, "end": 6.0, "label": "Rain", "score": 0.8},
        {"start": 0.0, "end": 6.0, "label": "Speech", "score": 0.9},
        {"start": 3.0, "end": 3.5, "label": "Bell", "score": 0.3},
    ],
    "utterances": [
        {"start": 0.5, "end": 2.0, "speaker": "S1", "text": "The train leaves at nine."},
        {"start": 2.5, "end": 4.0, "speaker": "S2", "text": "Then we must hurry up."},
    ],
    "truth_turns": None, "truth_tags": None, "truth_utterances": None, "truth_tags_complete": False,
}  # fmt: skip
HONEST = Trace(
    planning="I should find out which sound is heard.",
    env="- dog: clearly heard from 1.0 s to 2.0 s\n- rain: clearly heard from 4.0 s to 6.0 s",
    speaker="- first speaker: from 0.5 s to 2.0 s\n- second speaker: from 2.5 s to 4.0 s",
    asr="- first speaker, from 0.5 s to 2.0 s: “The train leaves at nine.”\n"
    "- second speaker, from 2.5 s to 4.0 s: “Then we must hurry up.”",
    description="Two people speak in turn, and a dog and rain are heard.",
    reasoning="The sound of a dog starts at 1.0 s. There is no sound of a siren. "
    "So, the sound of a dog is heard.",
    summary="The sound of a dog is heard.",
    response="Dog",
)
ROW = Row(
    id="q",
    clip_id="c",
    audio="",
    question="Which of these sounds is heard while somebody says “the train leaves”?",
    choices=("Dog", "Siren", "Church bell", "Thunder"),
    answer="Dog",
    trace=grammar.write(HONEST),
    scene=SCENE,
)


def total(completion: str, row: Row = ROW) -> float:
    return rewards.total(WEIGHTS, [completion], [row])[0]


def changed(**changes: Any) -> str:
    return grammar.write(replace(HONEST, **changes))


def test_the_honest_trace_gets_everything() -> None:
    text = grammar.write(HONEST)
    assert parts(text, ROW) == pytest.approx({"env": 1, "speaker": 1, "asr": 1, "backing": 1})
    assert total(text) == pytest.approx(sum(WEIGHTS.values()))


def test_the_terse_trace_gets_nearly_everything() -> None:
    text = prompts.terse(ROW)
    found = parts(text, ROW)
    assert (found["env"], found["asr"], found["backing"]) == (1, 1, 1)
    assert found["speaker"] == pytest.approx(0.7)  # it does not say who
    assert total(text) > 0.95 * sum(WEIGHTS.values())


EVERY_EVENT = ", ".join(
    sorted(records.name(label) for label in audioset.labels() if audioset.is_event(label))
)
HACKS = {
    "all tags empty": "".join(f"<{tag}></{tag}>" for tag in grammar.LEAVES[:8]),
    "empty tags in their places": grammar.write(
        Trace(**dict.fromkeys((tag.lower() for tag in grammar.LEAVES[:8]), ""))
    ),
    "one mark in every tag": grammar.write(
        Trace(**dict.fromkeys((tag.lower() for tag in grammar.LEAVES[:8]), "."))
    ),
    "none in every tag but the answer": grammar.write(
        replace(Trace(**dict.fromkeys((t.lower() for t in grammar.LEAVES[:8]), "none")), response="Dog")
    ),
    "every event named": changed(env=EVERY_EVENT),
    "every choice named": changed(env="dog, siren, church bell, thunder", asr="none", speaker="some"),
    "transcript copied from the question": changed(asr="the train leaves / " + ROW.question, env="none"),
    "letter spam": changed(response="A"),
    "all letters": changed(response="A B C D"),
    "all choices as the answer": changed(response="Dog Siren Church bell Thunder"),
    "a second answer": grammar.write(HONEST).replace(
        "<RESPONSE>", "<RESPONSE>Siren</RESPONSE><RESPONSE>"
    ),
    "answer alone": "<RESPONSE>Dog</RESPONSE>",
    "answer without a tag": "Dog",
    "reasoning for all choices": changed(
        reasoning="It is the sound of a dog. It is a siren, a church bell, thunder and a dog.",
        summary="Dog, siren, church bell and thunder.",
    ),
    "nested answers": changed(response="x").replace(
        "<RESPONSE>x", "<RESPONSE>Dog<RESPONSE>Siren</RESPONSE>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("trick", HACKS)
def test_tricks_do_not_pay(trick: str) -> None:
    honest = total(grammar.write(HONEST))
    assert total(HACKS[trick]) < honest - 0.1


@pytest.mark.parametrize(
    "trick",
    [
        "all tags empty",
        "empty tags in their places",
        "one mark in every tag",
        "none in every tag but the answer",
    ],
)
def test_saying_nothing_about_the_clip_pays_next_to_nothing(trick: str) -> None:
    assert perception([HACKS[trick]], [ROW])[0] <= 0.15  # what REASONING gets that claims nothing


def test_every_event_named_is_worse_than_one_event_found() -> None:
    found = {
        env: parts(changed(env=env), ROW)["env"] for env in ("dog", "dog, rain", EVERY_EVENT, "none", "siren")
    }
    assert found[EVERY_EVENT] < 0.05
    assert found["dog"] == pytest.approx(2 / 3)
    assert found["dog, rain"] == 1
    assert found["none"] == found["siren"] == 0


def test_one_sound_under_many_names_counts_once() -> None:
    assert parts(changed(env="dog, dog, Dog, bark, barking"), ROW)["env"] <= 2 / 3 + 1e-6


def test_possible_sounds_are_neither_right_nor_wrong() -> None:
    assert parts(changed(env="dog, rain, bell"), ROW)["env"] == 1


def test_ground_truth_outranks_the_model() -> None:
    truth = {**SCENE, "truth_tags": [{"start": 0, "end": 1, "label": "Siren"}], "truth_tags_complete": True}
    row = replace(ROW, scene=truth)
    assert parts(changed(env="siren"), row)["env"] == 1
    assert parts(changed(env="dog, rain"), row)["env"] == 0


def test_words_of_the_question_do_not_raise_the_asr_score() -> None:
    copied = parts(changed(asr="the train leaves"), ROW)["asr"]
    half = parts(changed(asr="The train leaves at nine."), ROW)["asr"]
    assert copied == 0
    assert half == pytest.approx(2 / 7)  # seven words that the question does not give away


def test_speakers_are_counted_and_attributed() -> None:
    swapped = changed(
        speaker="- first speaker: from 2.5 s to 4.0 s\n- second speaker: from 0.5 s to 2.0 s",
        asr="- second speaker, from 0.5 s to 2.0 s: “The train leaves at nine.”\n"
        "- first speaker, from 2.5 s to 4.0 s: “Then we must hurry up.”",
    )
    assert parts(swapped, ROW)["speaker"] == pytest.approx(0.7)
    assert parts(changed(speaker="three", asr="none"), ROW)["speaker"] == 0
    assert parts(changed(speaker="one or two or three"), ROW)["speaker"] < 0.7


def test_silence_is_right_where_there_is_nothing() -> None:
    empty = replace(ROW, scene={"tags": [], "turns": [], "utterances": []})
    quiet = changed(
        env="No distinct sound is heard in the background.", speaker="Nobody speaks.", asr="Nothing is said."
    )
    assert parts(quiet, empty)["env"] == parts(quiet, empty)["speaker"] == parts(quiet, empty)["asr"] == 1
    noisy = parts(grammar.write(HONEST), empty)
    assert noisy["env"] == noisy["speaker"] == noisy["asr"] == 0


def test_unknown_layers_are_left_out() -> None:
    only = replace(ROW, scene={"tags": SCENE["tags"], "turns": None, "utterances": None})
    assert set(parts(grammar.write(HONEST), only)) == {"env", "backing"}
    assert perception([grammar.write(HONEST)], [replace(ROW, scene=None)]) == [0.0]


@pytest.mark.parametrize(
    ("reasoning", "share"),
    [
        ("The sound of a dog is heard.", 1.0),
        ("The sound of a siren is heard.", 0.0),
        ("There is no sound of a siren.", 1.0),
        ("There is no sound of a dog.", 0.0),
        ("There is no sound of thunder.", 1.0),
        ("Nobody speaks from 1.0 s to 2.0 s, but there one hears the sound of a dog.", 1.0),
        ("Dog: yes; Siren: no; Dog", 1.0),
        ("Dog: no; Siren: yes; Siren", 0.0),
        ("A dog is heard, and a siren.", 0.5),
        ("The first speaker says “the train leaves at nine”.", 1.0),
        ("The third speaker says “we are lost”.", 0.0),
        ("It is so.", 0.5),
    ],
)
def test_claims_of_the_reasoning_need_the_caption(reasoning: str, share: float) -> None:
    assert parts(changed(reasoning=reasoning), ROW)["backing"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("reasoning", "summary", "response", "value"),
    [
        ("So, the sound of a dog is heard.", "A dog.", "Dog", 1.0),
        ("So, the sound of a siren is heard.", "A siren.", "Dog", 0.0),
        ("It is a church bell, not a dog. So it is a church bell.", "so", "Church bell", 1.0),
        ("Dog or siren.", "so", "Dog", 0.0),
        ("It is so.", "so", "Dog", 0.5),
        ("So, the sound of a dog is heard.", "A dog.", "A", 0.0),
    ],
)
def test_the_answer_follows_from_the_conclusion(
    reasoning: str, summary: str, response: str, value: float
) -> None:
    text = changed(reasoning=reasoning, summary=summary, response=response)
    assert rewards.agreement([text], [ROW]) == [value]


def test_with_reflection_the_final_answer_counts() -> None:
    text = changed(response="Siren", reflect="I listen again. So it is a dog.", final_answer="Dog")
    assert rewards.accuracy([text], [ROW]) == [1.0]
    assert rewards.agreement([text], [ROW]) == [1.0]
    assert rewards.format_([text], [ROW]) == [1.0]


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Dog", 1), (" dog. ", 1), ("Siren", 0), ("A", 0), ("(A) Dog", 0), ("A dog barking", 0), ("", 0)],
)
def test_an_answer_is_the_text_of_a_choice(answer: str, right: float) -> None:
    assert rewards.accuracy([f"<RESPONSE>{answer}</RESPONSE>"], [ROW]) == [right]


def test_length_falls_off_before_the_budget_ends() -> None:
    counts = [0, 74, 75, 80, 90, 100, 120]
    made = rewards.length([""] * 7, [ROW] * 7, counts, budget=100)
    assert made == pytest.approx([1, 1, 1, 0.8, 0.4, 0, 0])
    assert rewards.length(["a b c"], [ROW], budget=4) == [1.0]


def test_generated_traces_get_the_full_reward(shards: Path) -> None:  # noqa: F811
    """What a policy is taught in stage I must be worth keeping in stage II."""
    read = rows.read(Data(path=str(shards)), "train")
    assert len({row.skill for row in read}) > 3
    for row in read:
        if "<REFLECT>" in row.trace:  # there the first half is wrong on purpose
            continue
        found = parts(row.trace, row)
        assert found["env"] == found["asr"] == 1, (row.id, row.trace)
        assert found["speaker"] == pytest.approx(1, abs=0.03), (row.id, row.trace)
        assert found["backing"] >= 0.5, (row.id, row.trace)
        assert rewards.agreement([row.trace], [row])[0] >= 0.5, (row.id, row.trace)
        assert rewards.accuracy([row.trace], [row]) == rewards.format_([row.trace], [row]) == [1.0]
        short = prompts.terse(row)
        assert total(short, row) > 0.85 * sum(WEIGHTS.values()), (row.id, short, parts(short, row))


def test_unknown_rewards_are_named_and_at_least_one_is_needed() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'perception'"):
        rewards.select({"perceptoin": 1.0}, 10)
    with pytest.raises(ConfigError, match="none has a weight"):
        rewards.select({"accuracy": 0.0}, 10)
    assert list(rewards.select({"format": 0.5, "accuracy": 1.0, "length": 0.0}, 10)) == ["format", "accuracy"]
    chosen = rewards.select({"length": 1.0}, 10)
    assert chosen["length"]([""], [ROW], [10]) == [0.0]
