"""Evaluation of a tiny model: files, keys, controls, latency, and the benchmarks MMAU and MMAR."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paqa_builder.errors import ConfigError
from recipes import config, evaluate
from recipes.data import rows
from recipes.data.rows import Row
from recipes.families import family
from recipes.pauses.pause import add_pause_token
from recipes.pauses.rollout import Sampling
from recipes.scoring import answering, benchmarks, blind, measuring, report
from recipes.scoring.answering import Answerer, Answers
from recipes.sections import PauseConfig

pytest_plugins = ["helpers.recipe_data"]
KEYS = {"accuracy", "interval", "n", "by_skill", "format", "seconds"}


@pytest.fixture(scope="module")
def settings(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> config.Config:
    """An untrained model and two 'trained' ones, which are other random ones."""
    out = tmp_path_factory.mktemp("runs")
    kind = family("qwen2_audio")
    for seed, folder in enumerate((out / "base", out / "tiny" / "stage1", out / "tiny" / "stage2")):
        model, processor = kind.tiny(seed)
        if seed:
            add_pause_token(model, processor)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    changes = {
        "data.path": shards, "data.max_seconds": 2, "model.path": out / "base", "model.cache_tower": True,
        "run.out": out, "run.size": "tiny", "evaluate.max_new_tokens": 12, "evaluate.samples": 2,
        "pause.min_tokens": 1, "pause.tau": 1.0, "pause.window": 2, "pause.n": 2, "pause.reserve": 1,
    }  # fmt: skip
    return config.load(None, [f"{key}={value}" for key, value in changes.items()])


@pytest.fixture(scope="module")
def results(settings: config.Config) -> dict[str, Any]:
    return evaluate.evaluate(settings)


def test_results_have_all_systems_with_all_keys(settings: config.Config, results: dict[str, Any]) -> None:
    wanted = {"before", "stage1", "stage2", "stage1_silent", "stage1_shuffled", "stage2_silent", "blind"}
    assert wanted <= set(results)
    test = rows.read(settings.data, "test")
    for name, one in results.items():
        assert set(one) >= KEYS, name
        assert one["n"] == len(test) == sum(skill["n"] for skill in one["by_skill"].values())
        assert one["interval"][0] <= one["accuracy"] <= one["interval"][1]
    assert results == json.loads((settings.run.folder / "results.json").read_text())
    assert results["stage1"]["sampled"]["samples"] == 2
    assert results["stage2"]["pauses"] > 0
    assert results["stage2_no_pauses"]["pauses"] == 0
    timing = results["stage2"]["latency"]
    assert 0 < timing["first_token"] < timing["answer"]
    assert timing["pauses"] > 0


def test_answers_table_and_plot_are_kept(settings: config.Config, results: dict[str, Any]) -> None:
    folder = settings.run.folder
    lines = (folder / "answers" / "stage1.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert len(lines) == results["stage1"]["n"]
    assert len(first["sampled"]) == len(first["sampled_right"]) == 2
    assert "| stage I, silent audio |" in (folder / "results.md").read_text()
    assert (folder / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    compared = json.loads((folder / "comparisons.json").read_text())
    assert {"stage2 - stage1, greedy", "stage2 - stage1, sampled", "stage1 - blind, greedy"} <= set(compared)


def test_one_stage_again_leaves_the_others(settings: config.Config, results: dict[str, Any]) -> None:
    again = evaluate.evaluate(settings, ["stage1"])
    assert again["before"] == results["before"]
    same = {key: value for key, value in again["stage1"].items() if key not in ("seconds", "latency")}
    assert same.items() <= results["stage1"].items()


def test_missing_stage_is_named(settings: config.Config) -> None:
    elsewhere = config.change(settings, ["run.size=nothing"])
    with pytest.raises(ConfigError, match="stage1: no model there"):
        evaluate.evaluate(elsewhere, ["stage1"])


@pytest.fixture(scope="module")
def tiny() -> Answerer:
    kind = family("qwen2_audio")
    model, processor = kind.tiny()
    add_pause_token(model, processor)
    return Answerer(kind, model, processor, max_new_tokens=8)


def some_rows(count: int = 5) -> list[Row]:
    random = np.random.default_rng(0)
    return [
        Row(
            id=str(i),
            clip_id=f"clip{i // 2}",
            audio=random.normal(0, 0.2, 32_000).astype(np.float32),
            question="What is heard?",
            choices=("dog", "rain"),
            answer="dog",
        )
        for i in range(count)
    ]


def test_each_sample_of_each_question_stays_in_its_place(tiny: Answerer) -> None:
    asked = some_rows()
    greedy = tiny.ask(asked, batch=2)[0]
    assert greedy.texts == [tiny.ask([row], batch=1)[0].texts[0] for row in asked]
    # Sampling at a temperature near 0 is greedy: every sample must be the greedy answer of its row.
    cold = tiny.ask(asked, sampling=Sampling(temperature=1e-4, seed=1), samples=3, batch=2)
    assert [one.texts for one in cold] == [greedy.texts] * 3
    assert (
        len({text for one in tiny.ask(asked, sampling=Sampling(seed=1), samples=2) for text in one.texts}) > 5
    )


def test_greedy_and_sampled_answers_may_share_their_prompts(tiny: Answerer) -> None:
    asked, drawn = some_rows(), Sampling(seed=1)
    first, *others = tiny.ask(asked, sampling=drawn, samples=3, greedy_first=True, batch=2)
    assert first.texts == tiny.ask(asked, batch=2)[0].texts
    # The same numbers, in the same places, with only the first completion drawn by them too.
    assert [one.texts for one in others] == [
        one.texts for one in tiny.ask(asked, sampling=drawn, samples=3, batch=2)[1:]
    ]


@pytest.mark.parametrize("pause", [None, PauseConfig(filler=".", max_triggers=0)])
def test_model_without_pauses_never_says_pause(tiny: Answerer, pause: PauseConfig | None) -> None:
    tiny = Answerer(tiny.family, tiny.model, tiny.processor, max_new_tokens=8, pause=pause)
    token = tiny.processor.tokenizer.convert_tokens_to_ids(PauseConfig().token)
    head = tiny.model.get_output_embeddings().weight
    before = head[token].clone()
    with np.errstate(all="ignore"):
        answers = []
        for sign in (-1, 1):  # whatever the hidden state is, one of them makes PAUSE the likeliest
            head.data[token] = sign * 100 * head.data.abs().max()
            answers.append(tiny.ask(some_rows(2))[0])
        head.data[token] = before
    # It is a special token, so a text made of it would be empty.
    assert all(text for one in answers for text in one.texts)
    assert [one.pauses for one in answers] == [[0, 0]] * 2


def test_controls_play_silence_or_another_clip(tiny: Answerer) -> None:
    asked = some_rows(6)
    shuffled = answering.audio_rows(asked, "shuffled")
    assert all(one.clip_id != other.clip_id for one, other in zip(asked, shuffled, strict=True))
    assert {row.clip_id for row in shuffled} == {row.clip_id for row in asked}
    assert answering.audio_rows(asked, "real") == asked
    loud, silent = (
        tiny.inputs(asked[:1], asked[:1], condition)["input_features"] for condition in ("real", "silent")
    )
    assert float(silent.std()) < 1e-6 < float(loud.std())


def test_measure_counts_skills_samples_and_format() -> None:
    trace = (
        "<THINK><PLANNING>p</PLANNING><CAPTION><ENV>{env}</ENV><SPEAKER>one</SPEAKER><ASR>none</ASR>"
        "<DESCRIPTION>d</DESCRIPTION></CAPTION><REASONING>r</REASONING><SUMMARY>s</SUMMARY></THINK>"
        "<RESPONSE>{answer}</RESPONSE>"
    )
    tag = {"start": 0.0, "end": 1.0, "score": 1.0}
    scenes = [
        {"truth_tags": [{**tag, "label": label}], "truth_turns": [], "truth_tags_complete": True}
        for label in ("Dog", "Rain")
    ]
    asked = [
        replace(row, skill=skill, scene=scene, clip_id=row.id)
        for row, skill, scene in zip(some_rows(2), ("a", "b"), scenes, strict=True)
    ]
    right, wrong = trace.format(env="dog", answer="dog"), trace.format(env="dog", answer="rain")
    greedy = Answers([right, wrong], [10, 12], [0, 1], 1.5)
    found = measuring.measure(asked, greedy, [greedy, Answers([right, "dog"], [10, 1], [0, 0], 1.0)])
    assert (found["accuracy"], found["n"], found["format"]) == (0.5, 2, 1.0)
    assert found["by_skill"]["a"]["accuracy"] == 1.0
    assert found["by_skill"]["b"]["accuracy"] == 0.0
    assert found["sampled"]["accuracy"] == 0.75  # "dog" alone is the answer, too
    assert found["sampled"]["format"] == 0.75
    assert found["tokens"] == 11
    heard = found["perception"]
    # Dog is named in its clip and in the other one; rain in none: F1 = 2 * 1 / (2 named + 2 true).
    assert heard["event_f1"] == 0.5
    # Dog: 1.0 in its clip, 2/3 in the other: AP 1. Rain: named nowhere, so a tie: AP 1/2.
    assert heard["event_map"] == 0.75
    assert heard["speakers"] == 0.0
    assert heard["wer"] is None


def test_words_are_scored_where_they_are_known() -> None:
    turn = {"start": 0.0, "end": 2.0, "speaker": "S1"}
    said = {**turn, "text": "the dog barks loudly"}
    row = replace(some_rows(1)[0], scene={"truth_turns": [turn], "truth_utterances": [said]})
    found = measuring.perception([row], [["<SPEAKER>one</SPEAKER><ASR>the dog barked</ASR>"]])
    assert found["wer"] == 0.5
    assert found["speakers"] == 1.0
    assert found["event_map"] is None


def test_blind_model_learns_priors_and_no_more() -> None:
    base = some_rows(1)[0]
    train = [
        replace(base, id=str(i), question=q, choices=("Two", "One"), answer=a)
        for i, (q, a) in enumerate([("How many speak?", "One"), ("How many sounds?", "Two")] * 20)
    ]
    test = [replace(row, choices=row.choices[::-1]) for row in train[:2]]
    assert blind.answers(train, test) == ["One", "Two"]


ITEM = {"question": "What is it?", "choices": ["A dog", "A cat"], "answer": "A dog"}


def item(name: str, number: int, **more: str) -> dict[str, Any]:
    form = benchmarks.FORMATS[name]
    return {"id": str(number), form.audio: f"./audio/{number}.wav", **ITEM, **more}


@pytest.mark.parametrize(("name", "suffix"), [("mmau", "json"), ("mmar", "jsonl")])
def test_benchmark_answers_come_out_as_the_official_scorer_reads_them(
    tmp_path: Path, settings: config.Config, name: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    form = benchmarks.FORMATS[name]
    (tmp_path / "audio").mkdir()
    for number in range(2):
        soundfile.write(tmp_path / "audio" / f"{number}.wav", np.full(8000, 0.1), 16_000)
    items = [item(name, number, **{form.groups[0]: "sound"}) for number in range(2)]
    questions, out = tmp_path / f"questions.{suffix}", tmp_path / f"out.{suffix}"
    benchmarks.save(items, questions)
    arguments = ["--benchmark", name, "--questions", str(questions), "--predictions", str(out)]
    flags = _parsed(arguments)
    evaluate.main(settings, flags)
    answered = benchmarks.load(out)
    assert [{k: v for k, v in one.items() if k != form.prediction} for one in answered] == items
    assert all(isinstance(one[form.prediction], str) for one in answered)
    assert json.loads(capsys.readouterr().out)["n"] == 2


def _parsed(arguments: list[str]) -> Any:
    import argparse

    parser = argparse.ArgumentParser()
    evaluate._flags(parser)
    return parser.parse_args(arguments)


def test_benchmark_score_by_group() -> None:
    form = benchmarks.FORMATS["mmau"]
    items = [
        item("mmau", 0, task="sound", difficulty="easy", model_output="a dog"),
        item("mmau", 1, task="sound", difficulty="hard", model_output="A"),
        item("mmau", 2, task="music", difficulty="easy"),
    ]
    found = benchmarks.score(form, items)
    assert found["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["unanswered"] == 1
    assert found["by"]["task"]["sound"]["accuracy"] == 0.5
    assert found["by"]["difficulty"]["easy"]["n"] == 2
    del items[1]["answer"]
    with pytest.raises(ConfigError, match=r"mmau: question .*: lacks answer"):
        benchmarks.score(form, items)


def test_benchmark_without_its_audio_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"question 0: .*0\.wav does not exist"):
        benchmarks.to_rows(benchmarks.FORMATS["mmar"], [item("mmar", 0)], tmp_path)
    with pytest.raises(ConfigError, match="lacks audio_id, choices"):
        benchmarks.to_rows(
            benchmarks.FORMATS["mmau"], [{"id": "x", "question": "?", "answer": "y"}], tmp_path
        )


@pytest.mark.testdata
def test_official_files_score_full_with_the_right_answers_and_nothing_with_letters(testdata: Path) -> None:
    for name, file in (("mmau", "mmau-test-mini.json"), ("mmar", "MMAR-meta.jsonl")):
        form = benchmarks.FORMATS[name]
        items = benchmarks.load(testdata / "benchmarks" / file)
        assert len(items) == 1000
        right, letters = (
            benchmarks.score(form, [{**one, form.prediction: said or one["answer"]} for one in items])
            for said in (None, "(C)")
        )
        assert (right["accuracy"], letters["accuracy"]) == (1.0, 0.0)


def test_table_copes_with_a_system_that_lacks_everything_optional() -> None:
    one = {"accuracy": 0.5, "interval": [0.2, 0.8], "n": 4, "by_skill": {}, "format": 1.0, "seconds": 2.0}
    assert "| stage I | 0.500 [0.200, 0.800] |" in report.table({"stage1": one})


def test_costs_are_read_from_the_logs(tmp_path: Path) -> None:
    end = {"step": 40, "minutes": 3.25, "memory_gb": 1.5}
    lines = [{"step": 20, "loss": 1.0}, end]
    (tmp_path / "stage2.log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert report.costs(tmp_path) == {"stage II": "40 steps in 3.2 minutes, 1.5 GB of memory"}
