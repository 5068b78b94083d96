"""Prepares scenes, shards and the untrained model of the laptop recipe, once.

``python -m recipes.mini`` calls it, and so do the stages if their configuration names neither data nor model.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.files import write_atomic
from recipes.config import Config
from recipes.data import prompts, rows
from recipes.mini import model, pools

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
SPEC, BUILD = HERE / "scenes.yaml", HERE / "build.yaml"
TESTDATA = "PAQA_TESTDATA"
DONE = "done.json"


def ready(config: Config) -> Config:
    """Prepares shards and model for a configuration that lacks ``data.path`` or ``model.path``.

    Returns:
        A copy of the configuration with both paths set.

    Raises:
        ConfigError: ``model.path`` is set and ``data.path`` is not.
    """
    config = config.model_copy(deep=True)
    if config.data.path is None:
        if config.model.path is not None:
            raise ConfigError("data.path is not set", fix="--set data.path=SHARDS")
        config.data.path = str(shards(config.run.folder / "data", config.data.limit))
    if config.model.path is None:
        config.model.path = str(base(config, config.run.folder / "base"))
    return config


def shards(folder: Path, scenes: int | None = None) -> Path:
    """Mixes scenes and builds questions with ``paqa``, unless the folder has them.

    The scenes are of real recordings if ``PAQA_TESTDATA`` names their folder, else of the demo's audio
    (:func:`material`).

    Args:
        scenes: Number of scenes; by default that of ``scenes.yaml``.

    Returns:
        The folder of shards.
    """
    out = folder / "shards"
    clips = _clips()
    wish = _digest(SPEC.read_bytes(), BUILD.read_bytes(), str(clips), scenes)
    if _note(folder).get("wish") == wish:
        return out
    started = time.monotonic()
    if clips is not None:
        pool_flags = ["--clips", str(clips)]
    else:
        speech, events = pools.make(folder / "pools")
        pool_flags = ["--speech", str(speech), "--events", str(events)]
    mixed = folder / f"scenes-{wish}"
    number = [] if scenes is None else ["-n", str(scenes)]
    log.info("mixing scenes of %s", "the demo's synthetic audio" if clips is None else clips)
    _paqa("mix", "--spec", str(SPEC), *pool_flags, "--out", str(mixed), *number)
    _paqa("build", "--config", str(BUILD), "--source", "mix", "--root", str(mixed), "--out", str(out))
    kind = "synthetic" if clips is None else "real"
    seconds = round(time.monotonic() - started, 1)
    _finish(folder, {"wish": wish, "material": kind, "seconds": seconds})
    return out


def material(folder: Path) -> str | None:
    """Audio of the scenes below ``folder``: ``real``, ``synthetic``, or None if unknown."""
    return _note(folder).get("material")


def base(config: Config, folder: Path) -> Path:
    """Builds the untrained model with a tokenizer for the training rows, unless the folder has it."""
    train = rows.read(config.data, config.data.train_split)
    texts = [text for row in train for text in (prompts.prompt(row), prompts.target(row, config.data.trace))]
    wish = _digest(json.dumps(texts), config.run.seed, model.Sizes())
    if _note(folder).get("wish") == wish:
        return folder
    untrained, processor = model.build(texts, seed=config.run.seed)
    folder.mkdir(parents=True, exist_ok=True)
    untrained.save_pretrained(folder)
    processor.save_pretrained(folder)
    _finish(folder, {"wish": wish, "parameters": untrained.num_parameters()})
    return folder


def _clips() -> Path | None:
    home = os.environ.get(TESTDATA)
    if not home:
        return None
    clips = Path(home) / "clips"
    if not (clips / "clips.csv").is_file():
        raise ConfigError(f"{TESTDATA}={home}: no clips/clips.csv there", fix=f"unset {TESTDATA}")
    return clips.resolve()


def _paqa(*arguments: str) -> None:
    """Runs ``paqa`` in a subprocess, with its progress on stderr."""
    command = [sys.executable, "-m", "paqa_builder", *arguments]
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if code:
        raise NotReadyError(
            f"`paqa {arguments[0]}` ended with exit code {code}; its message is above",
            fix="paqa " + " ".join(arguments),
        )


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _note(folder: Path) -> dict[str, Any]:
    """The content of ``done.json``; empty if there is none."""
    file = folder / DONE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _finish(folder: Path, note: dict[str, object]) -> None:
    """Writes ``done.json``, the last file: without it, or with another wish, the folder is built again."""
    write_atomic(folder / DONE, (json.dumps(note) + "\n").encode())
