"""Shows the estimate of ``paqa plan --calibrate``, and its error at the end of a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from paqa_builder.cli import common

if TYPE_CHECKING:
    from paqa_builder.pipeline.costs import Range
    from paqa_builder.pipeline.estimate import Error, Estimate, StepEstimate

_MUCH = 0.05
"""Share of the CPU seconds of all steps from which on the error of a step is of interest."""


def show(estimate: Estimate) -> None:
    """Prints the estimate as a table of the steps."""
    audio = f"{common.seconds(estimate.audio.value)} of audio ({spread(estimate.audio)})"
    common.out.print(f"corpus: {estimate.clips} clips, about {audio}", soft_wrap=True)
    failed = f", {estimate.failed} of them failed" if estimate.failed else ""
    common.out.print(
        f"measured: {estimate.sampled} clips, {common.seconds(estimate.sampled_seconds)} of audio{failed}",
        soft_wrap=True,
    )
    common.out.print(f"machine: {estimate.machine}; {estimate.jobs} worker processes\n", soft_wrap=True)
    gpu = any(step.gpu for step in estimate.steps)
    columns = ["still to do", "clips", "CPU", *(["GPU"] if gpu else []), "time", "range", "disk"]
    rows = [_row(step, gpu) for step in (*estimate.steps, estimate.total)]
    common.out.print(common.table(columns, rows, right=columns[1:]))
    if estimate.unmeasured:
        common.out.print(
            f"not measured, because the sample was done before: {', '.join(estimate.unmeasured)}; "
            "a larger N adds clips",
            soft_wrap=True,
        )


def _row(step: StepEstimate, gpu: bool) -> list[str]:
    cells = [
        step.name,
        str(step.clips),
        _time(step.cpu),
        *([_time(step.gpu)] if gpu else []),
        _time(step.wall),
    ]
    return [*cells, spread(step.wall) if step.wall else "", size(step.disk.value) if step.disk else ""]


def _time(value: Range | None) -> str:
    return common.seconds(value.value) if value else "–"


def spread(value: Range) -> str:
    """The range relative to the estimate, in per cent."""
    if not value.value:
        return ""
    low, high = (100 * (limit / value.value - 1) for limit in (value.low, value.high))
    return f"{low:+.0f} to {high:+.0f} %".replace("-", "−")


def size(count: float) -> str:
    """A number of bytes as text: 3.2 MB."""
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000 or unit == "GB":
            return f"{count:.1f} {unit}" if count < 100 else f"{count:.0f} {unit}"
    raise AssertionError


def error_text(errors: Sequence[Error]) -> str:
    """The errors in one line: those of the whole build, then the largest of a step that costs much."""
    whole = [error for error in errors if error.name in ("wall", "audio", "disk")]
    steps = [error for error in errors if error not in whole]
    much = _MUCH * sum(error.actual for error in steps)
    steps = [error for error in steps if error.actual >= much]
    texts = [_compared(error) for error in whole]
    if steps:
        worst = max(steps, key=lambda error: abs(error.relative))
        texts.append(f"worst step {_compared(worst)}")
    return "; ".join(texts)


def _compared(error: Error) -> str:
    name = {"wall": "time"}.get(error.name, error.name)
    unit = "s" if error.unit == "CPU s" else error.unit
    kind = " CPU" if error.unit == "CPU s" else ""
    relative = f"{100 * error.relative:+.0f} %".replace("-", "−") if error.actual else "–"
    outside = "" if error.within else ", outside its range"
    return (
        f"{name}{kind} {error.estimated.value:.3g} {unit} for {error.actual:.3g} {unit} ({relative}{outside})"
    )


def as_json(estimate: Estimate) -> dict[str, Any]:
    """The estimate as JSON values, in seconds and bytes; ``gpu_hours`` besides."""
    data = asdict(estimate)
    for step in (*data["steps"], data["total"]):
        for column in ("cpu", "wall", "gpu", "disk"):
            value = step[column]
            step[column] = value and {
                name: round(number, 3) for name, number in zip(("value", "low", "high"), value, strict=True)
            }
        step["gpu_hours"] = step["gpu"] and round(step["gpu"]["value"] / 3600, 4)
    data["audio"] = dict(zip(("value", "low", "high"), estimate.audio, strict=True))
    return data | {"unmeasured": estimate.unmeasured}
