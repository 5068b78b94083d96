"""The ``paqa`` command line, with one module per command.

Data goes to stdout, everything else to stderr. Exit codes are those of
:class:`~paqa_builder.errors.ExitCode`. Commands import heavy modules when they run, so that
``paqa --help`` is fast.
"""

from __future__ import annotations

import typer

from paqa_builder import __version__
from paqa_builder.cli import (
    bench,
    build,
    check,
    doctor,
    doubles,
    explain,
    export,
    fetch,
    inspect,
    ls,
    mix,
    new,
    plan,
    push,
    status,
    try_,
    verify,
)
from paqa_builder.cli.common import guard, paragraphs

app = typer.Typer(
    name="paqa",
    help="Builds question answering data from raw audio, with evidence for every answer.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

_MAKE, _LOOK, _HELP = "Build data", "Inspect and evaluate", "Set up"
for name, command, panel in (
    ("build", build.build, _MAKE),
    ("plan", plan.plan, _MAKE),
    ("status", status.status, _MAKE),
    ("push", push.push, _MAKE),
    ("export", export.export, _MAKE),
    ("inspect", inspect.inspect, _LOOK),
    ("explain", explain.explain, _LOOK),
    ("bench", bench.bench, _LOOK),
    ("verify", verify.verify, _LOOK),
    ("check", check.check, _LOOK),
    ("doubles", doubles.doubles, _LOOK),
    ("ls", ls.ls, _LOOK),
    ("doctor", doctor.doctor, _HELP),
    ("fetch", fetch.fetch, _HELP),
    ("try", try_.try_, _HELP),
):
    app.command(name, rich_help_panel=panel, help=paragraphs(command))(guard(command))
app.add_typer(mix.app, name="mix", rich_help_panel=_MAKE)
app.add_typer(new.app, name="new", rich_help_panel=_HELP)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"paqa-builder {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass
