"""Readers by trainers and evaluation harnesses, and by their row's keys where they are not installed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export_readers.content import Content, plain

_TAGS = re.compile(r"<answer>(.*)</answer>", re.DOTALL)


def trl(folder: Path) -> Content:
    """Rows of TRL: `datasets` streams them, TRL knows them as conversations, the audio can be loaded."""
    from datasets import load_dataset

    from paqa_builder.runtime import compat

    compat.torchaudio()  # transformers imports it
    from transformers.audio_utils import load_audio
    from trl.data_utils import is_conversational

    content = Content()
    for path in sorted(folder.glob("*.jsonl")):
        for row in load_dataset("json", data_files=str(path), split="train", streaming=True):
            assert is_conversational(row)
            audio, text = row["prompt"][0]["content"]
            assert (audio["type"], text["type"]) == ("audio", "text")
            assert len(load_audio(audio["path"], backend="soundfile"))
            content.ask(row["question_id"], plain(row["completion"][0]["content"][0]["text"]))
    return content


def llama_factory(folder: Path) -> Content:
    """LLaMA-Factory's own loader and converter, with dataset_info.json."""
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments
    from llamafactory.hparams.model_args import ModelArguments
    from transformers import Seq2SeqTrainingArguments

    content = Content()
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    for name, about in info.items():
        arguments = DataArguments(dataset=name, dataset_dir=str(folder), media_dir=str(folder))
        (dataset,) = get_dataset_list([name], str(folder))
        rows = _load_single_dataset(
            dataset, ModelArguments(model_name_or_path="none"), arguments,
            Seq2SeqTrainingArguments(output_dir=str(folder / "none"), report_to=[]),
        )  # fmt: skip
        for line, row in zip(_lines(folder / about["file_name"]), rows, strict=True):
            assert row["_prompt"][0]["content"].count("<audio>") == 1
            assert all(Path(path).is_file() for path in row["_audios"])
            content.ask(line["question_id"], plain(row["_response"][0]["content"]))
    return content


def llama_factory_rows(folder: Path) -> Content:
    """LLaMA-Factory's rows by dataset_info.json."""
    content = Content()
    for about in json.loads((folder / "dataset_info.json").read_text(encoding="utf-8")).values():
        assert about["formatting"] == "sharegpt"
        for row in _lines(folder / about["file_name"]):
            _conversation(content, row, [folder / path for path in row["audios"]])
    return content


def ms_swift(folder: Path) -> Content:
    """ms-swift's own loader, for both stages."""
    from swift.dataset import load_dataset

    content, solved = Content(), {}
    for path in sorted(folder.glob("*/*.jsonl")):
        rows, _ = load_dataset([str(path)], strict=True, remove_unused_columns=False)
        for row in rows:
            if path.parent.name == "sft":
                _conversation(content, row, [Path(audio) for audio in row["audios"]])
            else:
                solved[row["question_id"]] = plain(_solution(row))
    assert solved == content.questions
    return content


def ms_swift_rows(folder: Path) -> Content:
    """ms-swift's rows by their keys."""
    content, solved = Content(), {}
    for path in sorted(folder.glob("sft/*.jsonl")):
        for row in _lines(path):
            _conversation(content, row, [Path(audio) for audio in row["audios"]])
    for path in sorted(folder.glob("grpo/*.jsonl")):
        for row in _lines(path):
            assert [message["role"] for message in row["messages"]] == ["user"]
            assert row["messages"][0]["content"].count("<audio>") == 1
            solved[row["question_id"]] = plain(_solution(row))
    assert solved == content.questions
    return content


def lmms_eval(folder: Path) -> Content:
    """lmms-eval's harness with its dummy model: all tasks of the folder, and the audio of their questions."""
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    content = Content()
    for name in manager.all_subtasks:
        results = simple_evaluate("dummy", tasks=[name], task_manager=manager, batch_size=1, log_samples=True)
        samples = results["samples"][name]
        value = results["results"][name]["accuracy,none"]
        task = manager.load_task_or_group([name])[name]
        documents = task.test_docs()
        first = [document["answer_index"] == 0 for document in documents]  # the dummy model answers "A"
        assert abs(value - 100 * sum(first) / len(first)) < 0.01
        assert len(samples) == len(documents)
        for document in documents:
            (sound,) = task.doc_to_visual(document)
            assert sound["array"].ndim == 1
            assert len(sound["array"]) > 0
            content.ask(document["id"], plain(document["answer"]))
        print(f"lmms-eval: {name}: accuracy {value} with the answer A to all", file=sys.stderr)
    return content


def lmms_eval_rows(folder: Path) -> Content:
    """lmms-eval's task by its own functions, without the harness."""
    import importlib.util

    import yaml

    spec = importlib.util.spec_from_file_location("paqa_lmms_eval_utils", folder / "utils.py")
    assert spec
    assert spec.loader
    functions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(functions)
    content = Content()

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
    for path in sorted(folder.glob("*.yaml")):
        task = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
        task |= yaml.load((folder / task["include"]).read_text(encoding="utf-8"), Loader=Loader)
        for value in re.findall(r"utils\.(\w+)", str(task)):
            assert callable(getattr(functions, value))
        for row in _lines(folder / task["dataset_kwargs"]["data_files"][task["test_split"]]):
            assert len(functions.doc_to_audio(row)[0]["array"])
            assert row["question"] in functions.doc_to_text(row, task["lmms_eval_specific_kwargs"]["default"])
            assert functions.process_results(row, [row["answer"]])["accuracy"]["score"] == 1.0
            content.ask(row["id"], plain(row["answer"]))
    return content


def moss(folder: Path) -> Content:
    """MOSS-Audio's conversations, by the keys of its fine-tuning script."""
    content = Content()
    for row in _all(folder):
        audio, text, answer = row["conversation"]
        assert [(m["role"], m["message_type"]) for m in row["conversation"]] == [
            ("user", "audio"), ("user", "text"), ("assistant", "text"),
        ]  # fmt: skip
        _check_wav(Path(audio["content"]))
        assert text["content"].strip()
        content.ask(row["question_id"], plain(answer["content"]))
    return content


def avqa(folder: Path) -> Content:
    """AVQA rows, as R1-AQA's data set makes prompts of them, and by our own parser."""
    from paqa_builder.formats.item import Item
    from paqa_builder.formats.known import FORMATS

    content = Content()
    for row in _all(folder):
        assert row["dataset_name"] == "AVQA"
        _check_wav(Path(row["audio_path"]))
        item = FORMATS["avqa"].parse(row, row["id"])
        assert isinstance(item, Item)
        assert item.answer == row["answer"]
        content.ask(row["id"], plain(row["multi_choice"][row["answer"]]))
    return content


def audiomcq(folder: Path) -> Content:
    """AudioMCQ rows, by the keys that NeMo-RL's reader takes, and by our own parser."""
    from paqa_builder.formats.item import Item
    from paqa_builder.formats.known import FORMATS

    content = Content()
    for row in _all(folder):
        assert (folder / row["audio_path"]).is_file()
        assert row["source_dataset"]
        item = FORMATS["audiomcq"].parse(row, row["id"])
        assert isinstance(item, Item)
        assert item.answer is not None
        content.ask(row["id"], plain(item.choices[item.answer]))
    return content


def _conversation(content: Content, row: dict[str, Any], audios: list[Path]) -> None:
    asked, answered = row["messages"]
    assert (asked["role"], answered["role"]) == ("user", "assistant")
    assert (asked["content"] + answered["content"]).count("<audio>") == len(audios) == 1
    assert audios[0].is_file()
    content.ask(row["question_id"], plain(answered["content"]))


def _solution(row: dict[str, Any]) -> str:
    found = _TAGS.fullmatch(row["solution"])
    assert found
    return found[1]


def _check_wav(path: Path) -> None:
    import soundfile

    info = soundfile.info(path)
    assert (info.format, info.samplerate, info.channels) == ("WAV", 16_000, 1)


def _all(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        yield from _lines(path)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            yield json.loads(line)
