"""Prompts and targets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers.recipe_data import shards  # noqa: F401

from paqa_builder.errors import ConfigError
from paqa_builder.questions.traces import grammar
from recipes.config import Data
from recipes.data import prompts, rows
from recipes.rewards.reading import NUMBERS


def test_the_prompt_has_the_choices_and_nothing_of_the_scene(shards: Path) -> None:  # noqa: F811
    for row in rows.read(Data(path=str(shards)), "train"):
        asked = prompts.prompt(row)
        assert asked.startswith(row.question)
        assert all(f"- {choice}" in asked for choice in row.choices)
        emptied = dataclasses.replace(row, answer="", trace="", scene=None)
        assert prompts.prompt(emptied) == asked


def test_a_full_target_is_the_trace_and_a_terse_one_says_the_same_in_the_grammar(
    shards: Path,  # noqa: F811
) -> None:
    for row in rows.read(Data(path=str(shards)), "train"):
        assert prompts.target(row) == row.trace
        short = grammar.parse(prompts.target(row, "terse"))
        assert short.answer == row.answer
        assert len(prompts.target(row, "terse")) < len(row.trace) / 2
        assert row.scene is not None
        heard = {tag["label"].lower() for tag in row.scene["tags"]}
        assert set(short.env.split(", ")) <= (heard or {"none"})
        speakers = len({turn["speaker"] for turn in row.scene["turns"]})
        named = [] if short.env == "none" else short.env.split(", ")
        voices = f"voices: {NUMBERS[speakers]}"
        kinds = f"sounds: {NUMBERS[len(named)]}"
        assert short.speaker.split(",")[0] == voices
        assert short.description.split(";")[0] == kinds
        assert short.reasoning == row.answer
        said = [utterance["text"] for utterance in row.scene["utterances"]]
        assert short.asr == (" / ".join(said) or "none")


@pytest.mark.parametrize(
    ("template", "answer", "reasoning"),
    [
        ("event_count", "Two", "sounds: two"),
        ("speaker_count", "One", "voices: one"),
        ("speaker_count", "Two", "Two"),  # not what its own caption says
        ("event_first", "Rain", "Rain"),
    ],
)
def test_a_count_is_cited_under_its_name(
    shards: Path,  # noqa: F811
    template: str,
    answer: str,
    reasoning: str,
) -> None:
    row = rows.read(Data(path=str(shards)), "train")[0]
    heard = dataclasses.replace(
        grammar.parse(row.trace),
        env="- rain: clearly heard from 0.5 s to 1.0 s\n- dog: clearly heard from 2.0 s to 3.0 s",
        speaker="- first speaker: from 1.0 s to 2.0 s",
        response=answer,
    )
    short = grammar.parse(
        prompts.terse(dataclasses.replace(row, template=template, trace=grammar.write(heard)))
    )
    assert short.description == "sounds: two; rain, first, dog"
    assert (short.speaker, short.reasoning, short.answer) == ("voices: one", reasoning, answer)


def test_sounds_come_in_the_order_in_which_they_begin_and_guesses_are_left_out() -> None:
    env = "\n".join(
        [
            "- rain: clearly heard from 4.5 s to 9.0 s",
            "- dog: probably heard from 1.2 s to 2.0 s and from 6.0 s to 7.0 s",
            "- bell: possibly heard from 0.1 s to 0.3 s",
            "- hum: heard (no times known)",
        ]
    )
    assert prompts.sounds_of(env) == ["hum", "dog", "rain"]
    assert prompts.sounds_of("No distinct sound is heard in the background.") == []


def test_voices_are_counted_and_voices_at_once_noticed() -> None:
    both = (
        "- first speaker: from 1.0 s to 3.0 s\n- second speaker (possibly): from 2.0 s to 4.0 s\n"
        "- voices overlap from 2.0 s to 3.0 s"
    )
    assert prompts.voices_of(both) == (2, True)
    assert prompts.voices_of("Nobody speaks.") == (0, False)


def test_a_trace_of_another_grammar_is_left_as_it_is_and_none_is_an_error(shards: Path) -> None:  # noqa: F811
    row = rows.read(Data(path=str(shards)), "train")[0]
    other = dataclasses.replace(row, trace="<THINK>hm</THINK><RESPONSE>Bell</RESPONSE>")
    assert prompts.target(other, "terse") == other.trace
    with pytest.raises(ConfigError, match=row.id):
        prompts.target(dataclasses.replace(row, trace=""))


def test_timeline_tells_what_sets_in_after_what() -> None:
    env = "- rain: clearly heard from 4.5 s to 5.0 s and from 0.5 s to 1.0 s\n- hum: heard (no times known)"
    both = "- first speaker: from 1.0 s to 3.0 s\n- voices overlap from 2.0 s to 3.0 s"
    assert prompts.timeline(env, both) == ["rain", "first", "rain"]
    assert prompts.timeline("No distinct sound is heard in the background.", "Nobody speaks.") == []


def test_terse_planning_names_the_template(shards: Path) -> None:  # noqa: F811
    for row in rows.read(Data(path=str(shards)), "train"):
        assert row.template
        planned = grammar.parse(prompts.target(row, "terse")).planning
        assert planned == row.template.replace("_", " ")
        other = dataclasses.replace(row, template="", skill="")
        assert grammar.parse(prompts.target(other, "terse")).planning == "listen"
