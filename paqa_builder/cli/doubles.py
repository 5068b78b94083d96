"""``paqa doubles``: finds the same recording under several names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption
from paqa_builder.errors import ExitCode
from paqa_builder.text.terminal import line

if TYPE_CHECKING:
    from paqa_builder.check.recordings import Collection
    from paqa_builder.leaks.matching import Match

_SHOWN = 40


def doubles(
    audio: Annotated[
        Path, typer.Argument(help="Folder of audio files or of shards, or one audio file.", metavar="AUDIO")
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            help="Compare with the audio of this folder instead, such as a benchmark's; may be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the same recording under several names: other codecs, sample rates, levels, and excerpts.

    Compares acoustic fingerprints. Two clips match if they have 1.3 seconds of sound in common; shorter
    sounds must agree over their whole length. Exit code 3 if anything is found.

    [dim]Examples:[/]

    paqa doubles recordings

    paqa doubles shards --against MMAU/audio
    """
    from paqa_builder.check.recordings import collect, same_recordings

    own = collect(audio)
    rows: list[dict[str, Any]] = []
    paths: list[Path | None] = [*against] if against else [None]
    for path in paths:
        other = own if path is None else collect(path)
        found = same_recordings(own, None if path is None else other)
        rows += [_row(match, own, other, path) for match in found]
        _report_failures(own if path is None else other)
    if against:
        _report_failures(own)
    if as_json:
        common.print_json(
            {"audio": str(audio), "clips": len(own.names), "too_short": own.short, "doubles": rows}
        )
    else:
        _show(rows, own)
    if rows:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _row(match: Match, own: Collection, other: Collection, path: Path | None) -> dict[str, Any]:
    return {
        "clip": own.names[match.first],
        "split": own.splits[match.first],
        "same_as": other.names[match.second],
        "of": str(path) if path else None,
        "of_split": other.splits[match.second],
        "offset": match.offset,
        "seconds": match.seconds,
        "error": match.error,
    }


def _report_failures(collection: Collection) -> None:
    for name, why in collection.failures:
        common.err.print(line(("not compared", "yellow"), f" {name}: {why}"), soft_wrap=True)


def _show(rows: list[dict[str, Any]], own: Collection) -> None:
    shown = [
        (row["clip"], row["same_as"], f"{row['offset']:.2f}", f"{row['seconds']:.1f}", f"{row['error']:.3f}")
        for row in rows[:_SHOWN]
    ]
    columns = ("clip", "same recording as", "offset", "seconds", "error")
    if rows:
        common.out.print(common.table(columns, [tuple(map(line, row)) for row in shown], right=columns[2:]))
    if len(rows) > _SHOWN:
        common.out.print(f"… and {len(rows) - _SHOWN} more, with --json")
    clips = len({row["clip"] for row in rows})
    common.out.print(f"{clips} of {len(own.names)} clips; {own.short} have too little sound for other codecs")
