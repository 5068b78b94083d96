"""Stage I on tiny models: training, resume after a kill, and the saved model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers.recipe_data import shards  # noqa: F401
from trl.kernels import ChunkedLogProbFunction

from paqa_builder.errors import AudioError, ConfigError, NotReadyError
from recipes import config, progress, run, stage1
from recipes.data import prompts, rows
from recipes.data.collate import IGNORE
from recipes.families import FAMILIES, family
from recipes.layers import muon
from recipes.trainers import sft, trainable

FAST = ["run.report_to=none", "data.trace=terse", "stage1.learning_rate=5e-3", "stage1.warmup_steps=2"]


@pytest.fixture(scope="module")
def models(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A folder with a tiny model of every family."""
    folder = tmp_path_factory.mktemp("models")
    found = rows.read(config.Data(path=str(shards)), "train")
    lines = [prompts.prompt(row) + prompts.target(row, "terse") for row in found]
    for name in FAMILIES:
        for part in family(name).tiny(lines=lines):
            part.save_pretrained(folder / name)
    return folder


def changes(shards: Path, models: Path, out: Path, name: str = "qwen2_audio", *more: str) -> list[str]:  # noqa: F811
    return [
        *FAST, f"data.path={shards}", f"model.family={name}", f"model.path={models / name}", f"run.out={out}",
        "run.size=tiny", *more,
    ]  # fmt: skip


def losses(out: Path) -> dict[int, float]:
    entries = [json.loads(line) for line in (out / "tiny/stage1.log.jsonl").read_text().splitlines()]
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}


@pytest.mark.parametrize("name", list(FAMILIES))
@pytest.mark.parametrize("lora", [False, True])
def test_every_family_learns_with_its_tower_frozen_and_gains_the_row_of_pause(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    name: str,
    lora: bool,
) -> None:
    more = ["stage1.max_steps=8", "stage1.log_steps=2", "stage1.batch=4"]
    settings = config.load(
        None, changes(shards, models, tmp_path, name, *more, *(["model.lora.r=4"] if lora else []))
    )
    out = stage1.train(settings)
    curve = losses(tmp_path)
    assert list(curve) == [2, 4, 6, 8]
    assert curve[8] < curve[2]
    kind = family(name)
    before, _ = kind.load(settings.model)
    after, processor = kind.load(settings.model.model_copy(update={"path": str(out)}))
    pause = processor.tokenizer.convert_tokens_to_ids("<PAUSE>")
    table = after.get_input_embeddings().weight
    assert processor.tokenizer.convert_ids_to_tokens(pause) == "<PAUSE>"
    old = before.get_input_embeddings().weight
    assert pause < len(table)
    assert len(table) >= len(old)
    assert not torch.allclose(table[pause], old.mean(0), atol=1e-6)  # it was trained, not only added
    for one, two in zip(kind.tower(before).parameters(), kind.tower(after).parameters(), strict=True):
        assert torch.equal(one, two)
    changed = [
        not torch.equal(one, two)
        for one, two in zip(
            kind.language_model(before).layers.parameters(),
            kind.language_model(after).layers.parameters(),
            strict=True,
        )
    ]
    assert any(changed)
    if lora:
        assert torch.equal(table[: len(old) - 1], old[:-1])  # the words stay as they were


Gradients = dict[str, torch.Tensor]


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> tuple[torch.Tensor, Gradients]:
    """The loss, and what its backward pass leaves."""
    loss.backward()
    parts = model.named_parameters()
    return loss.detach(), {key: part.grad.clone() for key, part in parts if part.grad is not None}


def assert_close(grads: Gradients, others: Gradients, **tolerances: float) -> None:
    assert grads.keys() == others.keys()
    for key, grad in grads.items():
        assert torch.allclose(others[key], grad, **tolerances), key


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_head_computes_positions_with_labels_only_and_the_loss_is_the_same(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[tuple[torch.Tensor, Gradients, int]] = []
    read: list[int] = []
    whole, cut = lambda inputs: (inputs, 0), sft._from_first_label

    def note(hidden: torch.Tensor, *_: object) -> None:
        read.append(len(hidden))

    class Both(stage1.Trainer):
        """Learns from its batch both ways."""

        def compute_loss(self, model, inputs, *args, **options):  # type: ignore[no-untyped-def]
            for way in (whole, cut):
                monkeypatch.setattr(sft, "_from_first_label", way)
                model.zero_grad()
                learned = gradients(model, super().compute_loss(model, dict(inputs), *args, **options))
                found.append((*learned, read.pop()))
            model.zero_grad()
            return super().compute_loss(model, inputs, *args, **options)

    apply = ChunkedLogProbFunction.apply
    monkeypatch.setattr(stage1, "Trainer", Both)
    monkeypatch.setattr(ChunkedLogProbFunction, "apply", lambda *given: (note(*given), apply(*given))[1])
    # Pauses go where the first way found tokens unlikely, so the second would have others.
    more = ["stage1.max_steps=1", "stage1.pauses.enabled=false"]
    stage1.train(config.load(None, changes(shards, models, tmp_path, name, *more)))
    (loss, grads, positions), (other, others, fewer) = found[:2]
    assert 0 < fewer < positions
    assert torch.allclose(loss, other, atol=1e-6)
    assert_close(grads, others, atol=1e-6, rtol=1e-4)


def test_pauses_go_by_what_the_model_thought_of_each_token(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[tuple[torch.Tensor, torch.Tensor]] = []
    hidden: list[torch.Tensor] = []

    class Noting(stage1.Trainer):
        """Keeps what the pauses are told, and what it follows from."""

        def compute_loss(self, model, inputs, *args, **options):  # type: ignore[no-untyped-def]
            self.inserter.likelihood.note = lambda ids, labels, known: noted.append((labels, known))
            core = self.family.core(model)
            with core.base_model.register_forward_hook(
                lambda module, given, output: hidden.append(output.last_hidden_state)
            ):
                loss = super().compute_loss(model, inputs, *args, **options)
            logs = core.get_output_embeddings()(hidden[-1]).log_softmax(-1)
            labels, known = noted[-1]
            logs = logs[:, logs.shape[1] - labels.shape[1] : -1].detach()
            wanted = labels[:, 1:]
            expected = logs.gather(2, wanted.clamp(min=0)[..., None])[..., 0]
            counts = wanted != IGNORE
            torch.testing.assert_close(known.detach()[counts], expected[counts], atol=1e-5, rtol=1e-4)
            return loss

    monkeypatch.setattr(stage1, "Trainer", Noting)
    stage1.train(config.load(None, changes(shards, models, tmp_path, "qwen2_audio", "stage1.max_steps=2")))
    assert len(noted) == 2


def test_a_batch_without_labels_is_read_whole() -> None:
    labels = torch.full((2, 5), IGNORE)
    assert sft._from_first_label({"labels": labels})[1] == 0
    labels[1, 3] = labels[0, 4] = 7
    made, begin = sft._from_first_label({"labels": labels, "input_ids": labels})
    assert (begin, made["labels"].tolist()) == (2, [[IGNORE, IGNORE, 7], [IGNORE, 7, IGNORE]])
    assert made["input_ids"] is labels


def test_a_killed_and_resumed_run_gives_the_same_model(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
) -> None:
    more = ["stage1.max_steps=40", "stage1.log_steps=1", "stage1.batch=4", "stage1.save_steps=5"]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    stage1.train(config.load(None, changes(shards, models, straight, "qwen2_audio", *more)))
    flags = changes(shards, models, broken, "qwen2_audio", *more)
    command = [sys.executable, "-m", "recipes.stage1", "--config", os.devnull]
    process = subprocess.Popen(
        [*command, *(part for change in flags for part in ("--set", change))], stderr=subprocess.DEVNULL
    )
    work = broken / "tiny/stage1.work"
    end = time.monotonic() + 120
    while not (work / "checkpoint-10" / progress.MARK).exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "tiny/stage1").exists()
    half = work / "checkpoint-39"  # cut off while it was written
    shutil.copytree(work / "checkpoint-10", half)
    (half / progress.MARK).unlink()
    (half / "model.safetensors").write_bytes(b"")
    stage1.train(config.load(None, flags), resume=True)
    whole, mended = losses(straight), losses(broken)
    assert list(mended) == list(whole) == list(range(1, 41))
    assert mended == pytest.approx(whole, abs=1e-6)
    states = [
        family("qwen2_audio").load(config.Model(path=str(folder / "tiny/stage1")))[0].state_dict()
        for folder in (straight, broken)
    ]
    # Not bit for bit: a CPU's matrix kernels may round by where in memory the matrices lie.
    torch.testing.assert_close(states[1], states[0], atol=1e-4, rtol=0)
    assert len(list(work.glob("checkpoint-*"))) == 2  # pruned
    assert not half.exists()


@pytest.mark.parametrize("how", [["model.lora.r=4"], ["stage1.optimiser=muon", "stage1.audio_dropout=0.3"]])
def test_adapters_and_muon_resume_too(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    how: list[str],
) -> None:
    more = ["stage1.max_steps=8", "stage1.log_steps=1", "stage1.save_steps=4", *how]
    flags = changes(shards, models, tmp_path, "qwen2_audio", *more)
    out = stage1.train(config.load(None, flags))
    whole, weights = losses(tmp_path), (out / "model.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "tiny/stage1.work/checkpoint-8")
    stage1.train(config.load(None, flags), resume=True)
    assert losses(tmp_path) == pytest.approx(whole, abs=1e-6)
    assert (out / "model.safetensors").read_bytes() == weights


def test_a_stream_trains_too(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    more = ["data.streaming=true", "stage1.batch=4", "stage1.log_steps=2"]
    flags = changes(shards, models, tmp_path, "qwen2_audio", *more)
    with pytest.raises(ConfigError, match="max_steps"):
        stage1.train(config.load(None, flags))
    stage1.train(config.load(None, [*flags, "stage1.max_steps=6"]))  # more than the twelve rows have
    curve = losses(tmp_path)
    assert list(curve) == [2, 4, 6]
    assert curve[6] < curve[2]


def test_the_run_says_what_it_was(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    more = ["stage1.max_steps=2", "stage1.sample_steps=2", "evaluate.max_new_tokens=8", "stage1.log_steps=1"]
    settings = config.load(
        None, changes(shards, models, tmp_path, "qwen2_audio", *more, "run.report_to=tensorboard")
    )
    stage1.train(settings)
    folder = tmp_path / "tiny"
    about = json.loads((folder / "stage1.run.json").read_text())
    assert config.Config(**about["config"]) == settings == config.load(folder / "config.yaml")
    assert about["versions"]["trl"]
    assert about["git"] is None or about["git"]["commit"]
    samples = [json.loads(line) for line in (folder / "stage1.log.samples.jsonl").read_text().splitlines()]
    assert len(samples) == 2
    test_ids = {row.id for row in rows.read(settings.data, "test")}
    assert all(one["step"] == 2 and one["id"] in test_ids for one in samples)
    assert list(folder.glob("tensorboard/stage1/events*"))


def test_time_that_is_up_ends_training_with_a_model(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
) -> None:
    more = ["stage1.max_steps=100000", "stage1.max_minutes=0.01", "stage1.log_steps=1"]
    out = stage1.train(config.load(None, changes(shards, models, tmp_path, "qwen2_audio", *more)))
    assert (out / "model.safetensors").is_file()
    assert 0 < max(losses(tmp_path)) < 200


@pytest.mark.parametrize("enabled", [True, False])
def test_the_model_reads_the_pauses_that_were_asked_for(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    enabled: bool,
) -> None:
    read: list[torch.Tensor] = []

    class Spy(stage1.Trainer):
        def compute_loss(self, model, inputs, *args, **options):  # type: ignore[no-untyped-def]
            def note(module, positional, named):  # type: ignore[no-untyped-def]
                read.append(named["input_ids"])

            handle = model.register_forward_pre_hook(note, with_kwargs=True)
            loss = super().compute_loss(model, inputs, *args, **options)
            handle.remove()
            return loss

    monkeypatch.setattr(stage1, "Trainer", Spy)
    more = [
        "stage1.max_steps=3",
        f"stage1.pauses.enabled={enabled}",
        "stage1.pauses.bursts=[2, 2]",
        "pause.n=3",
    ]
    settings = config.load(None, changes(shards, models, tmp_path, "qwen2_audio", *more))
    out = stage1.train(settings)
    pause = family("qwen2_audio").load_processor(str(out)).tokenizer.convert_tokens_to_ids("<PAUSE>")
    assert [((ids == pause).sum(1) == (6 if enabled else 0)).all() for ids in read] == [True] * 3


def test_errors_of_wrong_settings_and_data(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    flags = changes(shards, models, tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(NotReadyError, match="GPU"):
            stage1.train(config.load(None, [*flags, "model.device=cuda"]))
    if find_spec("trackio") is None:
        with pytest.raises(NotReadyError, match="pip install trackio"):
            stage1.train(config.load(None, [*flags, "run.report_to=trackio"]))
    with pytest.raises(ConfigError, match="freeze_tower"):
        stage1.train(
            config.load(
                None, [*flags, "model.freeze_tower=false", "model.cache_tower=true", "stage1.max_steps=1"]
            )
        )
    file = tmp_path / "avqa.json"
    item = {"video_name": "v", "question_text": "?", "multi_choice": ["a", "b"], "answer": 0}
    file.write_text(json.dumps([{"id": n, **item, "video_name": f"v{n}"} for n in range(20)]))
    with pytest.raises(ConfigError, match="no question has a trace"):
        stage1.train(config.load(None, [*flags, f"data.path={file}"]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_row_with_damaged_audio_is_named_by_loader_processes_too(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    found = [replace(row, audio=b"RIFF") for row in rows.read(config.Data(path=str(shards)), "train")]
    monkeypatch.setattr(rows, "read", lambda *_: found)
    with pytest.raises(AudioError) as error:
        stage1.train(
            config.load(None, changes(shards, models, tmp_path, "qwen2_audio", f"stage1.workers={workers}"))
        )
    assert any(error.value.message.startswith(f"question {row.id}") for row in found)
    assert "Traceback" not in error.value.message


def test_muon_moves_the_matrices_of_the_layers_and_adamw_all_else(models: Path) -> None:
    settings = config.load(None, [f"model.path={models / 'qwen2_audio'}", "stage1.optimiser=muon"])
    kind = family("qwen2_audio")
    model, _ = kind.load(settings.model)
    kind.tower(model).requires_grad_(False)
    made = trainable.optimiser(model, kind, settings, settings.stage1)
    matrices, others = made.parts[0].param_groups[0]["params"], made.parts[1].param_groups[0]["params"]
    names = {id(weight): name for name, weight in model.named_parameters()}
    assert all(".layers." in names[id(weight)] and weight.ndim == 2 for weight in matrices)
    learned = {id(weight) for weight in model.parameters() if weight.requires_grad}
    assert {id(weight) for weight in [*matrices, *others]} == learned
    before = [weight.detach().clone() for weight in (matrices[0], others[0])]
    made.param_groups[0]["lr"] = 0.0  # as a scheduler does
    for weight in (matrices[0], others[0]):
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    made.step()
    assert torch.equal(matrices[0], before[0])
    assert not torch.equal(others[0], before[1])
    with pytest.raises(ConfigError, match="trains whole matrices"):
        trainable.optimiser(model, kind, config.change(settings, ["model.lora.r=4"]), settings.stage1)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_muon_steps_as_torchs_does(bfloat16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is fast only where bfloat16 is; the difference is what bfloat16 rounds off."""
    monkeypatch.setattr(run, "cpu_has_bfloat16", lambda: bfloat16)
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 8), (8, 8), (24, 8), (8, 24)]
    mine, other = (
        [torch.nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2)
    )  # fmt: skip
    ours = muon.Muon(mine, lr=0.1, weight_decay=0.5)
    torchs = torch.optim.Muon(other, lr=0.1, weight_decay=0.5)
    for _ in range(4):
        for one, two in zip(mine, other, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            two.grad = one.grad.clone()
        ours.step()
        torchs.step()
    for one, two in zip(mine, other, strict=True):
        assert (one - two).norm() < 0.03 * (one - 1).norm()


def test_autocast_by_itself_is_where_the_cpu_multiplies_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load("laptop")
    for there in ({"avx512_bf16": True}, {"bf16": True}, {"avx2": True, "amx_bf16": False}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda there=there: there)
        given = run.arguments(settings, settings.stage1, Path("work"))
        assert given["bf16"] == any(there[name] for name in there if name != "avx2")


def test_audio_dropout_is_active_in_training_only(models: Path) -> None:
    kind = family("qwen2_audio")
    model, _ = kind.load(config.Model(path=str(models / "qwen2_audio")))
    tower = kind.tower(model)
    mel = torch.randn(1, tower.config.num_mel_bins, 2 * tower.config.max_source_positions)
    handle = trainable.audio_dropout(tower, 0.5)
    with torch.no_grad():
        plain = tower.eval()(mel).last_hidden_state
        assert (plain != 0).all()
        heard = tower.train()(mel).last_hidden_state
        assert 0.3 < (heard == 0).float().mean() < 0.7
        handle.remove()
        torch.testing.assert_close(tower(mel).last_hidden_state, plain)


def test_memory_that_runs_out_becomes_advice() -> None:
    settings = config.Stage1(batch=8, accumulate=2)
    advice = r"stage1\.batch=4 --set stage1\.accumulate=4"
    with pytest.raises(NotReadyError, match=advice), run.memory_advice("stage1", settings):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    single = run.memory_advice("stage1", config.Stage1(batch=1))
    with pytest.raises(NotReadyError, match="gradient_checkpointing"), single:
        raise MemoryError


def test_the_command_line_reports_and_exits_as_the_package_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recipes.stage1", "--config", os.devnull, "--set", f"run.out={tmp_path}"]
    found = subprocess.run([*command, "--set", f"data.path={tmp_path}"], capture_output=True, text=True)
    assert found.returncode == 2
    assert "no shards" in found.stderr
    assert "paqa build" in found.stderr
    assert "Traceback" not in found.stderr
