"""``paqa mix``: synthesises scenes with exact ground truth; also ``paqa mix render`` and ``paqa mix tts``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import JobsOption, JsonOption, SeedOption, guard, paragraphs
from paqa_builder.errors import ConfigError


def mix(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Option(
            "--spec",
            help="YAML file, or a built-in specification: conversation, crowd.",
            rich_help_panel="What",
        ),
    ] = "conversation",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the scenes; required.", rich_help_panel="Where"),
    ] = None,
    speech: Annotated[
        list[str] | None,
        typer.Option(
            "--speech",
            help="Recordings of speech: manifest (CSV, JSONL) or folder; may be repeated.",
            rich_help_panel="What",
        ),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events",
            help="Recordings of sounds: likewise, or NAME:DIR of a source; may be repeated.",
            rich_help_panel="What",
        ),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips", help="Folder with clips.csv, for both speech and sounds.", rich_help_panel="What"
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", "-n", help="Number of scenes.", rich_help_panel="How")
    ] = None,
    seed: SeedOption = None,
    stems: Annotated[
        bool | None,
        typer.Option(
            "--stems/--no-stems", help="Also write every source as a file of its own.", rich_help_panel="How"
        ),
    ] = None,
    license_allow: common.LicenseAllowOption = None,
    license_conflicts: Annotated[
        str | None,
        typer.Option(
            "--license-conflicts",
            help="If licences do not permit a mixture: refuse, or keep (for private use) \\[refuse].",
            rich_help_panel="What",
        ),
    ] = None,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix recordings of speech and sounds to scenes with exact ground truth.

    The same specification, recordings and seed give the same bytes. To continue an interrupted run, run the
    same command again.

    [dim]Examples:[/]

    paqa mix --speech LibriSpeech.csv --events fsd50k:/data/FSD50K --out scenes -n 1000

    paqa mix --spec my.yaml --clips $PAQA_TESTDATA/clips --out scenes --stems

    paqa build --source mix --root scenes --out shards
    """
    if context.invoked_subcommand:
        return
    if out is None:
        raise ConfigError("no output folder is given", fix="add --out DIR")
    from paqa_builder.mix import folder
    from paqa_builder.mix.spec import load_spec

    changes = {"scenes": n, "seed": seed, "stems": stems, "license_conflicts": license_conflicts}
    settings = load_spec(spec, {**changes, "license_allow": common.listed(license_allow)})
    if clips is not None and not (clips / "clips.csv").is_file():
        raise ConfigError(
            f"--clips {clips}: has no clips.csv", fix="name the recordings with --speech and --events"
        )
    both = [str(clips)] if clips is not None else []
    # The specification may use speech only, or sounds only.
    wants_speech = max(settings.speech.speakers) > 0
    wants_events = settings.events is not None or settings.ambience is not None
    job = folder.prepare(
        settings, out, (speech or []) + both * wants_speech, (events or []) + both * wants_events
    )
    rows = _with_progress(job, jobs or common.configure().workers)
    summary = folder.summary(rows)
    if as_json:
        common.print_json({"out": str(out), **summary})
        return
    common.out.print(_sentence(summary), soft_wrap=True)
    common.out.print(f"  paqa build --source mix --root {out} --out shards", style="dim", soft_wrap=True)


def render(
    scene: Annotated[Path, typer.Argument(help="Design of the scene: scenes/ID.json in a folder of scenes.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the rendered files.")],
    root: Annotated[
        list[str] | None,
        typer.Option("--root", help="Folder of a pool of recordings as NAME=DIR; may be repeated."),
    ] = None,
    stems: Annotated[
        bool, typer.Option("--stems/--no-stems", help="Also write every source as a file of its own.")
    ] = False,
) -> None:
    """Render one scene again from its design, with the same bytes.

    Prints the scene's line of the manifest. The folders of the pools are those in pools.json of the folder of
    scenes, unless --root changes them.

    [dim]Example:[/]

    paqa mix render scenes/scenes/conversation_0_000007.json --out again --root speech0=/mnt/speech
    """
    from paqa_builder.config.environment import expanded
    from paqa_builder.mix import folder
    from paqa_builder.mix.scene import read_design

    design = read_design(scene)
    roots = folder.pool_roots(scene.parent.parent)
    for pair in root or ():
        name, equals, pool = pair.partition("=")
        if not equals:
            raise ConfigError(f"--root {pair!r} is not of the form NAME=DIR")
        roots[name] = expanded(pool)
    common.print_json(folder.write_scene(design, roots, out, stems=stems, jams=True))


def tts(
    engine: Annotated[str, typer.Option("--engine", help="espeak-ng, flite or piper; install it first.")],
    voice: Annotated[list[str], typer.Option("--voice", help="Voice of the engine; may be repeated.")],
    texts: Annotated[Path, typer.Option("--texts", help="Text file with one utterance per line.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the speech and its manifest.csv.")],
    language: Annotated[str | None, typer.Option("--language", help="ISO 639-1 code of the text.")] = None,
    license: Annotated[str, typer.Option("--license", help="Licence of the speech.")] = "unknown",  # noqa: A002
) -> None:
    """Synthesise speech from lines of text, as recordings for --speech.

    [dim]Example:[/]

    paqa mix tts --engine flite --voice slt --voice rms --texts lines.txt --language en --out voices
    """
    from paqa_builder.mix.tts import synthesise

    try:
        lines = texts.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{texts}: cannot be read as text ({error})") from error
    manifest = synthesise(engine, voice, lines, out, language=language, license=license)
    common.out.print(str(manifest), soft_wrap=True)


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


def _sentence(summary: dict[str, Any]) -> str:
    def counted(table: dict[str, int], what: str) -> str:
        return ", ".join(f"{count} {what}{name}" for name, count in table.items())

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
