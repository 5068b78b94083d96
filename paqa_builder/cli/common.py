"""Shared by all commands: error handling, consoles, tables and common options."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from paqa_builder.errors import ExitCode, PaqaError
from paqa_builder.runtime import interrupt
from paqa_builder.text.terminal import Terminal, as_json
from paqa_builder.text.visible import show_log, visible

if TYPE_CHECKING:
    from paqa_builder.config import Config

err = Terminal(stderr=True)
out = Terminal()


def guard(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command: prints a :class:`PaqaError` and exits with its code; other errors are not caught."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        show_log()
        try:
            # It imports pydantic, which `paqa --help` does not need.
            from paqa_builder.config import check_environment

            check_environment()
            result = command(*args, **{name: _expanded(value) for name, value in kwargs.items()})
            sys.stdout.flush()  # an error of the output is the command's
            return result
        except PaqaError as error:
            err.print(Text.assemble(("error", "bold red"), ": ", visible(error.message)), soft_wrap=True)
            if error.fix:
                err.print(Text.assemble(("  → ", "bold"), visible(error.fix)), soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            err.print(interrupt.report())
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    return guarded


def _expanded(value: Any) -> Any:
    """A flag's value with the home folder for ``~``, if it is a path or a list of paths."""
    from paqa_builder.config.environment import expanded

    if isinstance(value, Path):
        return expanded(value)
    return [_expanded(item) for item in value] if isinstance(value, list) else value


def paragraphs(command: Callable[..., Any]) -> str:
    """The help text of a command: its docstring with each paragraph on one line, for the terminal to wrap."""
    text = inspect.cleandoc(command.__doc__ or "")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in text.split("\n\n"))


def print_json(data: Any) -> None:
    """Prints data as JSON on standard output."""
    sys.stdout.write(as_json(data) + "\n")


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, right: Collection[str] = ()) -> Table:
    """A table without borders.

    Args:
        rows: Cells, as text or with styles; None is an empty cell.
        right: The columns that are aligned to the right.
    """
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*map(_cell, row))
    return grid


def _cell(value: Any) -> Text | str:
    return "" if value is None else value if isinstance(value, Text) else str(value)


SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source", "-s", help="Type of corpus: a name from [bold]paqa ls sources[/].", rich_help_panel="What"
    ),
]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the corpus \\[that of paqa fetch].", rich_help_panel="What"),
]
TruthOption = Annotated[
    Path | None,
    typer.Option(
        "--truth",
        help="Ground truth: RTTM, CTM, TextGrid, EAF, Audacity or Label Studio; a file or a folder.",
        rich_help_panel="What",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", help="Use only the first N clips.", rich_help_panel="What")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder of the shards \\[shards].", rich_help_panel="Where")
]
WorkOption = Annotated[
    Path | None,
    typer.Option(
        "--work", help="Folder of intermediate results, for resuming \\[OUT.work].", rich_help_panel="Where"
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="YAML file with settings; see docs/configuration.md.", rich_help_panel="How"
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="Set of models: cpu, gpu or fake \\[cpu].", rich_help_panel="How"),
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        "-p",
        help="Python file that adds sources, backends or fact kinds; may be repeated.",
        rich_help_panel="How",
    ),
]
LicenseAllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--license-allow",
        help="Use only clips under these licences: CC0, CC-BY, CC-BY-NC-4.0, …, or open (CC0, CC BY and the "
        "like); may be repeated or separated by commas.",
        rich_help_panel="What",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", help="Number of worker processes \\[one per core, or per GPU].", rich_help_panel="How"
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Device for models that can use a GPU: auto, cpu, cuda, cuda:N.",
        rich_help_panel="How",
    ),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Seed of all random choices.", rich_help_panel="How")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ShardsOption = Annotated[
    Path | None, typer.Option("--shards", "-d", help="Folder of the shards \\[PAQA_OUT or ./shards].")
]


def configure(*, config: Path | None = None, plugin: list[Path] | None = None, **flags: Any) -> Config:
    """The configuration from a command's flags, the environment, the file ``config`` and the preset."""
    from paqa_builder.config import load

    return load({**flags, "plugins": plugin or None}, config)


def listed(values: list[str] | None) -> list[str] | None:
    """Values of a flag that may be repeated and hold several, separated by commas; None without the flag."""
    if not values:
        return None
    names = [name.strip() for value in values for name in value.split(",")]
    return [name for name in names if name] or [""]


def shards_folder(shards: Path | None) -> Path:
    """The folder of the shards: the flag, else the configured ``out``.

    Raises:
        ConfigError: The folder has no finished build.
    """
    from paqa_builder.errors import ConfigError

    folder = shards or configure().out
    if not (folder / "scenes").is_dir():
        raise ConfigError(
            f"{folder}: no finished build in this folder",
            fix="name the folder of the shards with --shards DIR",
        )
    return folder


def seconds(value: float) -> str:
    """A duration as text: 3.2 s, 4 min 05 s, 2 h 10 min."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
