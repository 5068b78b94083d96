"""Shared parts of all commands: exit codes for errors, the consoles, the common options."""

from __future__ import annotations

import functools
import inspect
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from paqa_builder.errors import ExitCode, PaqaError

if TYPE_CHECKING:
    from paqa_builder.config import Config

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


def guard(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns a :class:`PaqaError` into a message and an exit code; any other error keeps its traceback."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return command(*args, **kwargs)
        except PaqaError as error:
            err.print(f"[bold red]error[/]: {escape(error.message)}", soft_wrap=True)
            if error.fix:
                err.print(f"  [bold]→[/] {escape(error.fix)}", soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            err.print("interrupted; finished work is kept: run the same command to continue")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # `paqa ls backends | head` closes the pipe early; that is not an error.
            sys.stderr.close()
            raise typer.Exit(ExitCode.DONE) from None

    return guarded


def paragraphs(command: Callable[..., Any]) -> str:
    """A command's docstring as its help: every paragraph on one line, wrapped by the terminal."""
    text = inspect.cleandoc(command.__doc__ or "")
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in text.split("\n\n"))


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def print_json(data: Any) -> None:
    """Prints data for programs."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source", "-s", help="The corpus: a name from [bold]paqa ls sources[/].", rich_help_panel="What"
    ),
]
RootOption = Annotated[
    Path | None, typer.Option("--root", help="The corpus's folder.", rich_help_panel="What")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", help="Only the first N clips.", rich_help_panel="What")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for the shards.", rich_help_panel="Where")
]
WorkOption = Annotated[
    Path | None,
    typer.Option(
        "--work", help="Folder for parts and stems, kept for resume \\[OUT.work].", rich_help_panel="Where"
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file with any of these settings.", rich_help_panel="How"),
]
PresetOption = Annotated[
    str | None, typer.Option("--preset", help="Named set of models: cpu, gpu, fake.", rich_help_panel="How")
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
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", help="Worker processes \\[one a core, or GPU].", rich_help_panel="How"),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Where models run that can use a GPU: auto, cpu, cuda, cuda:N.",
        rich_help_panel="How",
    ),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Seed of every choice.", rich_help_panel="How")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ShardsOption = Annotated[
    Path | None, typer.Option("--shards", "-d", help="A build's shards \\[PAQA_OUT or ./shards].")
]


def configure(
    *,
    source: str | None = None,
    root: Path | None = None,
    limit: int | None = None,
    out: Path | None = None,
    work: Path | None = None,
    config: Path | None = None,
    preset: str | None = None,
    plugin: list[Path] | None = None,
    jobs: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    llm: dict[str, str] | None = None,
) -> Config:
    """The configuration of a command's flags, the environment, the file and the preset."""
    from paqa_builder.config import load

    flags = {
        "source": source, "root": root, "limit": limit, "out": out, "work": work, "preset": preset,
        "plugins": plugin or None, "jobs": jobs, "device": device, "seed": seed, "llm": llm or None,
    }  # fmt: skip
    return load(flags, config)


def shards_folder(shards: Path | None) -> Path:
    """The folder of the shards: the flag, else the folder that a build would write to.

    Raises:
        ConfigError: There is no finished build there.
    """
    from paqa_builder.errors import ConfigError

    folder = shards or configure().out
    if not (folder / "scenes").is_dir():
        raise ConfigError(
            f"{folder}: no finished build there", fix="paqa build … --out DIR, or name it with --shards DIR"
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
