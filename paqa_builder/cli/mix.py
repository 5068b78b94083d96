"""``paqa mix``: scenes with exact truth. Also ``paqa mix render`` and ``paqa mix tts``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from paqa_builder.cli import common
from paqa_builder.cli.common import JobsOption, JsonOption, SeedOption, guard, paragraphs
from paqa_builder.errors import ConfigError


def mix(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Option(
            "--spec", help="YAML file, or a ready-made one: conversation, crowd.", rich_help_panel="What"
        ),
    ] = "conversation",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the scenes.", rich_help_panel="Where")
    ] = None,
    speech: Annotated[
        list[str] | None,
        typer.Option(
            "--speech", help="Manifest (CSV, JSONL) or folder; may be repeated.", rich_help_panel="What"
        ),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events", help="The same for sounds; also NAME:DIR of a source.", rich_help_panel="What"
        ),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips", help="A folder with clips.csv: speech and events at once.", rich_help_panel="What"
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", "-n", help="How many scenes.", rich_help_panel="How")
    ] = None,
    seed: SeedOption = None,
    stems: Annotated[
        bool | None,
        typer.Option("--stems/--no-stems", help="Write every source by itself, too.", rich_help_panel="How"),
    ] = None,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix scenes of speakers and sounds, with everything that is true of them.

    The same specification, pools and seed give the same bytes; a run that was stopped goes on.

    [dim]Examples:[/]

    paqa mix --speech LibriSpeech.csv --events fsd50k:/data/FSD50K --out scenes -n 1000

    paqa mix --spec my.yaml --clips $PAQA_TESTDATA/clips --out scenes --stems

    paqa build --source mix --root scenes --out shards
    """
    if context.invoked_subcommand:
        return
    if out is None:
        raise ConfigError("no output folder for the scenes is given", fix="--out DIR")
    from paqa_builder.mix import folder
    from paqa_builder.mix.spec import load_spec

    settings = load_spec(spec, {"scenes": n, "seed": seed, "stems": stems})
    if clips is not None and not (clips / "clips.csv").is_file():
        raise ConfigError(
            f"--clips {clips}: has no clips.csv", fix="name its parts with --speech and --events"
        )
    both = [str(clips)] if clips is not None else []
    # A folder of clips may be needed for one kind of scene only.
    wants_speech = max(settings.speech.speakers) > 0
    wants_events = settings.events is not None or settings.ambience is not None
    job = folder.prepare(
        settings, out, (speech or []) + both * wants_speech, (events or []) + both * wants_events
    )
    rows = _with_progress(job, jobs or _cores())
    summary = _summary(rows)
    if as_json:
        common.print_json({"out": str(out), **summary})
        return
    common.out.print(_sentence(summary), soft_wrap=True)
    common.out.print(
        f"  paqa build --source mix --root {out} --out shards", style="dim", markup=False, soft_wrap=True
    )


def render(
    scene: Annotated[Path, typer.Argument(help="A design: scenes/ID.json of a folder of scenes.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is made.")],
    root: Annotated[
        list[str] | None, typer.Option("--root", help="Where a pool is now, NAME=DIR; may be repeated.")
    ] = None,
    stems: Annotated[
        bool, typer.Option("--stems/--no-stems", help="Write every source by itself, too.")
    ] = False,
) -> None:
    """Render one scene again from its own JSON: the same bytes.

    Prints the scene's line of the manifest. Pools are where pools.json beside the scene's folder
    says, unless told otherwise.

    [dim]Example:[/]

    paqa mix render scenes/scenes/conversation_0_000007.json --out again --root speech0=/mnt/speech
    """
    from paqa_builder.mix import folder
    from paqa_builder.mix.scene import read_design

    design = read_design(scene)
    common.print_json(folder.write_scene(design, _roots(scene, root or []), out, stems=stems, jams=True))


def tts(
    engine: Annotated[str, typer.Option("--engine", help="espeak-ng, flite or piper, installed by you.")],
    voice: Annotated[list[str], typer.Option("--voice", help="A voice of the engine; may be repeated.")],
    texts: Annotated[Path, typer.Option("--texts", help="Text file, one utterance a line.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the speech and its manifest.csv.")],
    language: Annotated[str | None, typer.Option("--language", help="ISO 639-1 code of the text.")] = None,
    license: Annotated[str, typer.Option("--license", help="Licence of the result.")] = "unknown",  # noqa: A002
) -> None:
    """Speak lines of text with an installed engine, as a pool for --speech.

    [dim]Example:[/]

    paqa mix tts --engine flite --voice slt --voice rms --texts lines.txt --language en --out voices
    """
    from paqa_builder.mix.tts import synthesise

    try:
        lines = texts.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{texts}: cannot be read as text ({error})") from error
    made = synthesise(engine, voice, lines, out, language=language, license=license)
    common.out.print(str(made), soft_wrap=True, markup=False)


def _roots(scene: Path, named: list[str]) -> dict[str, Path]:
    import json

    from paqa_builder.mix.folder import POOLS

    beside = scene.parent.parent / POOLS
    roots: dict[str, Path] = {}
    if beside.is_file():
        roots = {
            name: Path(folder) for name, folder in json.loads(beside.read_text(encoding="utf-8")).items()
        }
    for pair in named:
        name, equals, folder = pair.partition("=")
        if not equals:
            raise ConfigError(f"--root {pair!r} is not NAME=DIR")
        roots[name] = Path(folder)
    return roots


def _cores() -> int:
    from paqa_builder.config import load

    return load().workers


def _with_progress(job: Any, workers: int) -> list[dict[str, Any]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from paqa_builder.mix import folder

    columns = (TextColumn("mixing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=common.err, transient=True) as progress:
        bar = progress.add_task("mixing", total=job.spec.scenes)
        rows = []
        for row in folder.mix(job, min(workers, job.spec.scenes)):
            rows.append(row)
            progress.advance(bar)
    return rows


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    from collections import Counter

    return {
        "scenes": len(rows),
        "seconds": round(sum(row["duration"] for row in rows), 1),
        "splits": dict(sorted(Counter(row["split"] for row in rows).items())),
        "speakers": dict(sorted(Counter(str(row["num_speakers"]) for row in rows).items())),
        "events": sum(len(row["events"]) for row in rows),
        "with_overlap": sum(row["has_overlap"] for row in rows),
        "with_text": sum(row["text_complete"] for row in rows),
        "licenses": dict(sorted(Counter(row["license"] for row in rows).items())),
    }


def _sentence(summary: dict[str, Any]) -> str:
    def counted(table: dict[str, int], what: str) -> str:
        return ", ".join(f"{count} {what}{escape(str(name))}" for name, count in table.items())

    return (
        f"{summary['scenes']} scenes, {common.seconds(summary['seconds'])}: "
        f"{counted(summary['splits'], '')}. "
        f"By number of speakers: {counted(summary['speakers'], 'with ')}. {summary['events']} sounds; "
        f"overlap in {summary['with_overlap']}, complete text in {summary['with_text']}. "
        f"Licences: {counted(summary['licenses'], '')}."
    )


app = typer.Typer(invoke_without_command=True, help=paragraphs(mix), no_args_is_help=True)
app.callback(invoke_without_command=True)(guard(mix))
for _name, _command in (("render", render), ("tts", tts)):
    app.command(_name, help=paragraphs(_command))(guard(_command))
