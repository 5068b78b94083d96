"""Runs one backend on one audio file, without the other stages."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder import registry
from paqa_builder.audio import encode_flac, read, resample
from paqa_builder.config import validate_options
from paqa_builder.errors import ConfigError, suggest
from paqa_builder.files import write_atomic
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.records import STAGES, AudioInfo
from paqa_builder.runtime.executor import worker_environment


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of a backend on one file.

    Attributes:
        seconds: Wall time of the run, without loading.
        rows: The result as plain rows; which columns they have depends on the stage.
    """

    stage: str
    revision: str
    info: AudioInfo
    seconds: float
    rows: list[dict[str, Any]]


def run(
    backend: str, file: Path, options: Mapping[str, Any], stage: str | None = None, stems: Path | None = None
) -> Trial:
    """Runs a backend on the mixture of a file.

    Args:
        stage: The stage of the backend, if several stages have one of this name.
        stems: Folder for the stems of a separator; they are not written if None.

    Raises:
        ConfigError: The backend is unknown or ambiguous, or an option is wrong.
        AudioError: The file cannot be read.
        NotReadyError: The backend's packages or models are missing.
    """
    stage = _stage_of(backend, stage)
    cls = registry.get(stage, backend)
    model = cls(validate_options(cls.Options, options, f"{stage} backend {backend!r}"))
    audio, info = read(file)
    os.environ.update(worker_environment())
    model.load()
    mix = resample(audio, model.sample_rate)
    began = time.perf_counter()
    (result,) = model.run([AudioInput(mix, mix)])
    seconds = time.perf_counter() - began
    if stage == "separate" and stems is not None:
        for name, stem in zip(("speech", "background"), result, strict=True):
            write_atomic(stems / f"{file.stem}.{name}.flac", encode_flac(stem), setting="--stems")
    return Trial(stage, model.revision, info, seconds, _rows(stage, result))


def _stage_of(backend: str, stage: str | None) -> str:
    entries = [entry for entry in registry.entries() if entry.kind in STAGES]
    stages = [entry.kind for entry in entries if entry.name == backend and stage in (None, entry.kind)]
    if len(stages) > 1:
        raise ConfigError(f"several stages have a backend {backend!r}", fix=f"add --stage {'|'.join(stages)}")
    if not stages:
        known = sorted({entry.name for entry in entries if stage in (None, entry.kind)})
        of_stage = f" of stage {stage!r}" if stage else ""
        raise ConfigError(
            f"no backend{of_stage} is called {backend!r}.{suggest(backend, known)}", fix="paqa ls backends"
        )
    return stages[0]


def _rows(stage: str, result: Any) -> list[dict[str, Any]]:
    if stage == "separate":
        return [
            {"stem": name, "rms": round(stem.rms, 5), "rate": stem.rate, "seconds": round(stem.duration, 3)}
            for name, stem in zip(("speech", "background"), result, strict=True)
        ]
    if stage == "measure":
        voiced = sorted(hertz for hertz in result.pitch if hertz)
        measures: list[tuple[str, float | None, str]] = [
            ("loudness", result.loudness, "LUFS"),
            ("quality", result.quality, "of 5"),
            ("pitch", voiced[len(voiced) // 2] if voiced else None, "Hz"),
            ("voiced", result.step * len(voiced), "s"),
        ]
        return [
            {"what": what, "value": round(value, 3), "unit": unit}
            for what, value, unit in measures
            if value is not None
        ]
    if stage == "transcribe":
        columns = {"word": "text", "confidence": "confidence"}
    else:
        columns = {"name": "name", "score": "score"}
    rows = []
    for item in result.words if stage == "transcribe" else result:
        row = {"start": item.start, "end": item.end}
        row |= {column: getattr(item, attribute) for column, attribute in columns.items()}
        rows.append({name: round(v, 3) if isinstance(v, float) else v for name, v in row.items()})
    return rows
