"""``paqa build``: builds a data set from a corpus."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from paqa_builder.cli import common, explain
from paqa_builder.cli.estimate import error_text
from paqa_builder.errors import ExitCode
from paqa_builder.remote import shown
from paqa_builder.text.terminal import line

if TYPE_CHECKING:
    from paqa_builder.config import Config
    from paqa_builder.dataset.summary import Summary
    from paqa_builder.leaks.resolve import LeakReport
    from paqa_builder.pipeline.build import BuildReport
    from paqa_builder.pipeline.reword import LlmReport
    from paqa_builder.pipeline.step import Done, StageReport

_SHOWN_FAILURES = 10
_SHOWN_DROPPED = 5
_SHOWN_WARNINGS = 20
_SHOWN_EVIDENCE = 10
# Seconds between two lines of progress without a terminal.
_EVERY = 30.0
# An interval of the blind score wider than this does not resolve the gate's margin of two points.
_WIDEST = 0.04


def build(
    source: common.SourceOption = None,
    root: common.RootOption = None,
    truth: common.TruthOption = None,
    limit: common.LimitOption = None,
    out: common.OutOption = None,
    work: common.WorkOption = None,
    config: common.ConfigOption = None,
    preset: common.PresetOption = None,
    plugin: common.PluginOption = None,
    jobs: common.JobsOption = None,
    device: common.DeviceOption = None,
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            help="Where the work runs: processes on this machine, inline (in this process), or ray "
            "\\[processes].",
            rich_help_panel="How",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="Ray cluster: HOST:PORT, auto (the one of this machine), or local (start one) \\[auto].",
            rich_help_panel="How",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Run the models on the I-th of N shares of the clips only, beside other shards in the same "
            "--work; the same command without --shard then publishes.",
            rich_help_panel="How",
        ),
    ] = None,
    seed: common.SeedOption = None,
    license_allow: common.LicenseAllowOption = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Process clips again that failed in an earlier run.", rich_help_panel="How"
        ),
    ] = False,
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm",
            metavar="URL",
            help="OpenAI-compatible endpoint of a model that rewords questions; the verifier rejects "
            "changes of content.",
            rich_help_panel="How",
        ),
    ] = None,
    llm_model: Annotated[
        str | None,
        typer.Option("--llm-model", metavar="NAME", help="Model at this endpoint.", rich_help_panel="How"),
    ] = None,
    stems: Annotated[
        str | None,
        typer.Option(
            "--stems",
            metavar="keep|drop",
            help="Keep the separated stems in the work folder, or drop them once used \\[drop].",
            rich_help_panel="Output",
        ),
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Build a data set of questions and answers from a corpus of audio.

    Each clip is separated, diarized, tagged, transcribed and measured. Questions are generated from the
    results and verified, then written to Parquet shards.

    To continue an interrupted build, run the same command again. A clip that fails is recorded and does not
    stop the build (exit code 3). Flags take precedence over PAQA_* variables (PAQA_JOBS=4), these over
    --config, and this over --preset.

    [dim]Examples:[/]

    paqa build --source folder --root recordings --out shards

    paqa build --source fsd50k --out shards --limit 100

    paqa build --config build.yaml --plugin my_corpus.py --source my_corpus --root data
    """
    from paqa_builder.pipeline.build import build as run
    from paqa_builder.pipeline.build import exit_error

    settings = common.configure(
        source=source, root=root, truth=truth, limit=limit, out=out, work=work, config=config, preset=preset,
        plugin=plugin, jobs=jobs, device=device, executor=executor or ("ray" if address else None), seed=seed,
        shard=shard, ray={"address": address} if address else None,
        license_allow=common.listed(license_allow),
        stems=stems,
        llm={name: value for name, value in (("url", llm), ("model", llm_model)) if value} or None,
    )  # fmt: skip
    if settings.shard:
        _run_shard(settings, retry_failed, as_json)
        return
    with Progress() as progress:
        report = run(settings, progress, retry_failed=retry_failed)
    if as_json:
        common.print_json(_json(report))
    else:
        _show(report)
    error = exit_error(report)
    if error:
        raise error
    if report.failures:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _run_shard(settings: Config, retry_failed: bool, as_json: bool) -> None:
    """Runs one shard. Its failures are rows of its parts, so they are no error of this command."""
    from dataclasses import asdict

    from paqa_builder.pipeline import shards

    with Progress() as progress:
        report = shards.run(settings, progress, retry_failed=retry_failed)
    if as_json:
        common.print_json(asdict(report))
    failed = f", {report.failed} failed" if report.failed else ""
    parts = f"{report.parts} of {report.of_parts} parts"
    common.err.print(f"shard {report.shard} is done: {report.clips} clips in {parts}{failed}")
    common.err.print("when all shards are done, the same command without --shard publishes the data set")


class Progress:
    """Progress on stderr, one bar per stage: clips done, speed, time left. Text lines without a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description:<11}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=common.err,
            disable=not common.err.is_terminal,
        )
        self._task: Any = None
        self._audio_seconds = self._began = self._reported = 0.0
        self._reused = 0

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, stage: str, clips: int, done: int) -> None:
        self._task = self._bars.add_task(stage, total=clips, completed=done, speed="")
        self._audio_seconds, self._reused = 0.0, done
        self._began = self._reported = time.monotonic()

    def advance(self, stage: str, done: Done) -> None:
        self._audio_seconds += done.audio_seconds
        took = time.monotonic() - self._began
        speed = f"{self._audio_seconds / took:.1f}× real time" if self._audio_seconds and took else ""
        self._bars.update(self._task, advance=done.clips, speed=speed)
        task = next(t for t in self._bars.tasks if t.id == self._task)
        done_here = max(1.0, task.completed - self._reused)
        left = common.seconds(((task.total or 0) - task.completed) * took / done_here)
        self._print(stage, ", ".join(filter(None, (speed, f"{left} left"))))

    def replies(self, stage: str, answered: int, of: int) -> None:
        """Shows how many replies of a language model are there."""
        text = f"{answered} of {of} replies"
        self._bars.update(self._task, speed=text)
        self._print(stage, text)

    def _print(self, stage: str, text: str) -> None:
        """Prints a line every :data:`_EVERY` seconds, if there is no terminal."""
        if self._bars.disable and time.monotonic() - self._reported > _EVERY:
            self._reported = time.monotonic()
            task = next(t for t in self._bars.tasks if t.id == self._task)
            common.err.print(f"{stage:<11} {task.completed:.0f}/{task.total:.0f} clips, {text}")

    def end(self, report: StageReport) -> None:
        self._bars.update(self._task, completed=report.clips + report.reused)
        if self._bars.disable:
            common.err.print(stage_line(report))


def stage_line(report: StageReport) -> str:
    """Describes the result of a stage in one line."""
    if not report.clips:
        return f"{report.name:<11} {report.reused} clips, already done"
    text = f"{report.name:<11} {report.clips} clips in {common.seconds(report.wall_seconds)}"
    if report.audio_seconds:
        text += f" ({report.audio_seconds / max(report.wall_seconds, 1e-9):.1f}× real time)"
    if report.failed:
        text += f", {report.failed} failed"
    if report.halvings:
        least = min(halving.after for halving in report.halvings)
        text += f", out of memory {len(report.halvings)} times: down to {least:.0f} s of audio at once"
    return text


def _show(report: BuildReport) -> None:
    summary = report.summary
    total = sum(summary.questions.values())
    table = common.table(("", ""), ())
    table.show_header, table.columns[0].style = False, "dim"
    clips = f"{sum(summary.clips.values())} ({common.seconds(sum(summary.seconds.values()))} of audio)"
    table.add_row("clips", clips)
    table.add_row("speakers", _counted(summary.speakers, "with {}"))
    table.add_row("events", _counted(summary.events, "{}", most=6))
    table.add_row("questions", f"{total} on {summary.asked_about} clips")
    for skill, count in summary.skills.most_common():
        table.add_row("", f"{count:>4}  {skill}")
    table.add_row("variety", _variety(summary))
    if report.grounded:
        table.add_row("corpus's own", _grounded(report.grounded))
    table.add_row("refused", _counted(summary.refused, "by the {}") if summary.refused else "none")
    table.add_row("blind score", _blind(report))
    if report.llm and report.llm.model:
        table.add_row("rewording", _reworded(report.llm))
    table.add_row("leaks", _leaks(report.leaks))
    table.add_row("failures", _counted(summary.failures, "{}") if report.failures else "none")
    if report.estimate_errors:
        table.add_row("estimate", error_text(report.estimate_errors))
    common.err.print(table)
    for item in report.leaks.dropped[:_SHOWN_DROPPED]:
        kept = f"{item.reason}, as {item.kept} ({item.kept_split})"
        common.err.print(
            line("  ", ("dropped", "yellow"), f" {item.clip} ({item.split}): {kept}"), soft_wrap=True
        )
    if len(report.leaks.dropped) > _SHOWN_DROPPED:
        common.err.print(f"  … and {len(report.leaks.dropped) - _SHOWN_DROPPED} more, in paqa.lock.json")
    for clip, failure in report.failures[:_SHOWN_FAILURES]:
        common.err.print(line("  ", (failure.stage, "red"), f" {clip}: {failure.message}"), soft_wrap=True)
    if len(report.failures) > _SHOWN_FAILURES:
        common.err.print(
            f"  … and {len(report.failures) - _SHOWN_FAILURES} more, in the column `failures` of the scenes"
        )
    if report.warnings:
        common.err.print(f"{len(report.warnings)} warnings:")
    for message in report.warnings[:_SHOWN_WARNINGS]:
        common.err.print(line("  ", message), soft_wrap=True)
    if len(report.warnings) > _SHOWN_WARNINGS:
        common.err.print(f"  … and {len(report.warnings) - _SHOWN_WARNINGS} more, above or with --json")
    state = "already up to date" if report.unchanged else "written"
    common.err.print(line(f"shards {state}: ", (shown(report.config.out), "bold")), soft_wrap=True)
    if summary.example:
        common.err.print("\na question of the data set, with its evidence:\n")
        explain.show(summary.example, common.err, most=_SHOWN_EVIDENCE)


def _variety(summary: Summary) -> str:
    effective = f"effective number {2**summary.entropy:.0f}"
    return f"{len(summary.templates)} templates, entropy {summary.entropy:.2f} bits ({effective})"


def _blind(report: BuildReport) -> Text | str:
    gate = report.verdicts.report
    if gate.after is None:
        return "not measured: too few questions, or the gate is off"
    text = f"{gate.after}; {gate.weak} weak"
    if gate.after.high - gate.after.low > _WIDEST:
        text += "; too few questions for a precise estimate"
    return text if gate.passed else line((f"{text}: more than the gate allows", "bold red"))


def _leaks(report: LeakReport) -> str:
    """Doubles, groups in several splits, and the clips that were dropped or moved, in one line."""
    parts = []
    if report.doubles:
        parts.append(f"{sum(map(len, report.doubles))} clips of {len(report.doubles)} repeated recordings")
    if report.crossing:
        kinds = Counter(crossing.kind for crossing in report.crossing)
        parts.append(f"groups in several splits: {_counted(kinds, '{}')}")
    if report.dropped:
        parts.append(f"{len(report.dropped)} clips dropped")
    if report.moved:
        parts.append(f"{len(report.moved)} clips moved")
    searched = "none found" if report.options.duplicates != "off" else "duplicates not looked for"
    return "; ".join(parts) or searched


def _reworded(report: LlmReport) -> str:
    sums: Counter[str] = Counter()
    for name, count in report.counts.items():
        sums[name.partition(":")[0]] += count
    lines = [
        f"{report.model}: "
        + (", ".join(f"{count} {name}" for name, count in sorted(sums.items())) or "nothing"),
        f"{report.sent} requests sent, {report.cached} cached; "
        f"{report.read} tokens read, {report.written} written",
    ]
    rejections = [
        (name, n) for name, n in report.counts.most_common() if name.startswith(("rejected", "thrown"))
    ]
    lines += [f"{count:>4}  {name}" for name, count in rejections[:6]]
    if report.failed:
        lines.append(
            f"{report.failed} requests failed ({report.last_error}): these questions are unchanged; "
            "run the same command again to continue"
        )
    return "\n".join(lines)


def _grounded(counts: Counter[str]) -> str:
    """Questions of the corpus by result, and the reasons of those that are not kept."""
    sums: Counter[str] = Counter()
    for name, count in counts.items():
        sums[name.partition(":")[0]] += count
    return "\n".join(
        [
            f"{counts.total()} questions of the corpus: "
            + ", ".join(f"{count} {name}" for name, count in sums.most_common()),
            *(f"{count:>4}  {name}" for name, count in counts.most_common() if ":" in name),
        ]
    )


def _counted(counter: Any, phrase: str, most: int | None = None) -> str:
    pairs = [f"{count} {phrase.format(name)}" for name, count in counter.most_common(most)]
    rest = len(counter) - len(pairs)
    return ", ".join(pairs) + (f", {rest} more kinds" if rest > 0 else "") or "none"


def _json(report: BuildReport) -> dict[str, Any]:
    from dataclasses import asdict

    summary = report.summary
    return {
        "out": shown(report.config.out),
        "unchanged": report.unchanged,
        "clips": dict(summary.clips),
        "questions": dict(summary.questions),
        "skills": dict(summary.skills),
        "levels": dict(summary.levels),
        "templates": dict(summary.templates),
        "template_entropy": round(summary.entropy, 3),
        "quarantined": dict(report.quarantined),
        "corpus_questions": dict(report.grounded),
        "gate": report.verdicts.report.to_json(),
        "llm": asdict(report.llm) if report.llm and report.llm.model else None,
        "leaks": report.leaks.to_json(),
        "warnings": list(report.warnings),
        "estimate_errors": [error.to_json() for error in report.estimate_errors],
        "failures": [{"clip": clip, **asdict(failure)} for clip, failure in report.failures],
        "stages": [asdict(stage) | {"rtf": stage.rtf} for stage in report.stages],
    }
