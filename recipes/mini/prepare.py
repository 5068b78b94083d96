"""Scenes, shards and an untrained model for the laptop, made once and found again.

``python -m recipes.mini`` does it by itself; the stages do it when their configuration names neither
data nor model.
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

from paqa_builder.errors import ConfigError, NotReadyError
from recipes.config import Config
from recipes.data import prompts, rows
from recipes.mini import model, pools

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
SPEC, BUILD = HERE / "scenes.yaml", HERE / "build.yaml"
TESTDATA = "PAQA_TESTDATA"
DONE = "done.json"


def ready(config: Config) -> Config:
    """Fills in ``data.path`` and ``model.path`` where they are not set, making what is not there.

    Args:
        config: Is not changed.

    Returns:
        A configuration with both paths set.

    Raises:
        ConfigError: The model's path is set and the data's is not: a model of this size can only
            read what its tokenizer was trained on.
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
    """Mixes scenes and builds questions on them.

    Real recordings of the folder that ``PAQA_TESTDATA`` names, else the demo's own audio;
    :func:`material` says which. Calls ``paqa`` as a user would.

    Args:
        scenes: How many; the specification's number by default.

    Returns:
        The folder of shards.
    """
    made = folder / "shards"
    clips = _clips()
    wish = _digest(SPEC.read_bytes(), BUILD.read_bytes(), str(clips), scenes)
    if _is_done(folder, wish):
        return made
    started = time.monotonic()
    if clips is not None:
        told = ["--clips", str(clips)]
    else:
        speech, events = pools.make(folder / "pools")
        told = ["--speech", str(speech), "--events", str(events)]
    mixed = folder / f"scenes-{wish}"
    number = [] if scenes is None else ["-n", str(scenes)]
    log.info("mixing scenes of %s", "the demo's synthetic audio" if clips is None else clips)
    _paqa("mix", "--spec", str(SPEC), *told, "--out", str(mixed), *number)
    _paqa("build", "--config", str(BUILD), "--source", "mix", "--root", str(mixed), "--out", str(made))
    kind = "synthetic" if clips is None else "real"
    seconds = round(time.monotonic() - started, 1)
    _finish(folder, {"wish": wish, "material": kind, "seconds": seconds})
    return made


def material(folder: Path) -> str | None:
    """What the scenes below ``folder`` were mixed from: ``real``, ``synthetic``, or None if unknown."""
    file = folder / DONE
    return json.loads(file.read_text(encoding="utf-8")).get("material") if file.is_file() else None


def base(config: Config, folder: Path) -> Path:
    """The untrained model, its tokenizer trained on the training rows."""
    train = rows.read(config.data, config.data.train_split)
    texts = [text for row in train for text in (prompts.prompt(row), prompts.target(row, config.data.trace))]
    wish = _digest(json.dumps(texts), config.run.seed, model.Sizes())
    if _is_done(folder, wish):
        return folder
    made, processor = model.build(texts, seed=config.run.seed)
    folder.mkdir(parents=True, exist_ok=True)
    made.save_pretrained(folder)
    processor.save_pretrained(folder)
    _finish(folder, {"wish": wish, "parameters": made.num_parameters()})
    return folder


def _clips() -> Path | None:
    home = os.environ.get(TESTDATA)
    if not home:
        return None
    clips = Path(home) / "clips"
    if not (clips / "clips.csv").is_file():
        raise ConfigError(f"{TESTDATA}={home}: has no clips/clips.csv", fix=f"unset {TESTDATA}")
    return clips.resolve()


def _paqa(*arguments: str) -> None:
    """Runs ``paqa`` in a process of its own; its progress goes where ours goes."""
    found = subprocess.run([sys.executable, "-m", "paqa_builder", *arguments], stdout=subprocess.DEVNULL)
    if found.returncode:
        raise NotReadyError(
            f"`paqa {arguments[0]}` ended with exit code {found.returncode}; its message is above",
            fix="paqa " + " ".join(arguments),
        )


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _is_done(folder: Path, wish: str) -> bool:
    file = folder / DONE
    return file.is_file() and json.loads(file.read_text(encoding="utf-8")).get("wish") == wish


def _finish(folder: Path, note: dict[str, object]) -> None:
    """Written last: a folder without it, or with another wish, is made again."""
    aside = folder / f".{DONE}.part"
    aside.write_text(json.dumps(note) + "\n", encoding="utf-8")
    aside.replace(folder / DONE)
