"""``paqa try``: one backend on one file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, PluginOption
from paqa_builder.errors import ConfigError


def try_(
    backend: Annotated[str, typer.Argument(help="A backend's name from [bold]paqa ls backends[/].")],
    file: Annotated[Path, typer.Argument(help="An audio file.")],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-O", help="An option of the backend, NAME=VALUE; may be repeated."),
    ] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Which stage's, where the name is not unique.")
    ] = None,
    stems: Annotated[
        Path | None, typer.Option("--stems", help="Where a separator's stems are written \\[nowhere].")
    ] = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one backend on one file, alone: it hears the whole mixture.

    [dim]Examples:[/]

    paqa try yamnet street.wav -O onset=0.2

    paqa try deepfilternet3 street.wav --stems .
    """
    import os

    from paqa_builder import registry
    from paqa_builder.audio import read, resample
    from paqa_builder.config import validate_options
    from paqa_builder.perception.backends.base import AudioInput
    from paqa_builder.runtime.executor import worker_environment

    registry.load_plugins(plugin or [])
    kind = _stage_of(backend, stage)
    cls = registry.get(kind, backend)
    model = cls(validate_options(cls.Options, _parse(option or []), f"{kind} backend {backend!r}"))
    audio, info = read(file)
    os.environ.update(worker_environment())
    model.load()
    heard = resample(audio, model.sample_rate)
    began = time.perf_counter()
    (result,) = model.run([AudioInput(heard, heard)])
    took = time.perf_counter() - began
    common.err.print(
        f"{escape(file.name)}: {info.duration:.2f} s, {info.rate} Hz, {info.channels} ch; "
        f"{kind} by {backend} ({model.revision}) took {took:.2f} s"
    )
    rows = _rows(kind, result, file.stem, stems)
    if as_json:
        common.print_json(rows)
        return
    if not rows:
        common.out.print("nothing heard")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    common.out.print(table)


def _stage_of(backend: str, stage: str | None) -> str:
    from paqa_builder import registry
    from paqa_builder.records import STAGES

    backends = [entry for entry in registry.entries() if entry.kind in STAGES]
    stages = [entry.kind for entry in backends if entry.name == backend and stage in (None, entry.kind)]
    if len(stages) > 1:
        raise ConfigError(f"several stages have a backend {backend!r}", fix=f"add --stage {'|'.join(stages)}")
    if not stages:
        known = ", ".join(sorted({entry.name for entry in backends}))
        raise ConfigError(f"no backend is called {backend!r}; there are: {known}", fix="paqa ls backends")
    return stages[0]


def _parse(pairs: list[str]) -> dict[str, Any]:
    import yaml

    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--option {pair!r} is not NAME=VALUE")
        options[name] = yaml.safe_load(value)
    return options


def _rows(stage: str, result: Any, name: str, folder: Path | None) -> list[dict[str, Any]]:
    if stage == "separate":
        from paqa_builder.audio import encode_flac
        from paqa_builder.files import write_atomic

        rows = []
        for stem, audio in zip(("speech", "background"), result, strict=True):
            if folder is not None:
                write_atomic(folder / f"{name}.{stem}.flac", encode_flac(audio))
            rows.append(
                {
                    "stem": stem,
                    "rms": round(audio.rms, 5),
                    "rate": audio.rate,
                    "seconds": round(audio.duration, 3),
                }
            )
        return rows
    if stage == "measure":
        voiced = sorted(hertz for hertz in result.pitch if hertz)
        found: list[tuple[str, float | None, str]] = [
            ("loudness", result.loudness, "LUFS"),
            ("quality", result.quality, "of 5"),
            ("pitch", voiced[len(voiced) // 2] if voiced else None, "Hz"),
            ("voiced", result.step * len(voiced), "s"),
        ]
        return [
            {"what": what, "value": round(v, 3), "unit": unit} for what, v, unit in found if v is not None
        ]
    if stage == "transcribe":
        return [
            {
                "start": round(w.start, 3),
                "end": round(w.end, 3),
                "word": w.text,
                "confidence": round(w.confidence, 3),
            }
            for w in result.words
        ]
    return [
        {"start": round(s.start, 3), "end": round(s.end, 3), "name": s.name, "score": round(s.score, 3)}
        for s in result
    ]
