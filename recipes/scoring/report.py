"""Report of an evaluation: a Markdown table, and plots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from paqa_builder.untrusted import json_files

TABLE = "results.md"
_MATERIAL = {
    "real": "scenes mixed from real recordings; no clip, source or speaker of the test is in training",
    "synthetic": "scenes mixed from the demo's synthetic voices and sounds (`PAQA_TESTDATA` is not set)",
    None: "the data of the configuration",
}
_PLAIN = {
    "before": "untrained",
    "stage1": "stage I",
    "stage1_pauses": "stage I, with pauses",
    "stage1_silent": "stage I, silent audio",
    "stage1_shuffled": "stage I, another clip's audio",
    "stage2": "stage II",
    "stage2_no_pauses": "stage II, no pauses",
    "stage2_silent": "stage II, silent audio",
    "blind": "blind (text alone)",
}


def line(name: str, figures: Mapping[str, Any]) -> str:
    """A one-line summary of a system's figures."""
    low, high = figures["interval"]
    return (
        f"{title(name)}: {figures['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {figures['n']}, "
        f"format {figures['format']:.3f}, {figures['seconds']:.0f} s"
    )


def title(name: str) -> str:
    """The display name of a system."""
    return _PLAIN.get(name, name.replace("_", " "))


def table(results: Mapping[str, Any]) -> str:
    """A table of all systems: accuracy with 95 % interval, sampled accuracy, format, perception, skills."""
    skills = _skills(results)
    heads = [
        "system",
        "accuracy (95 %)",
        "sampled",
        "format",
        "event mAP",
        "speakers",
        "pauses",
        "s",
        *skills,
    ]
    rows = []
    for name, figures in results.items():
        low, high = figures["interval"]
        perception = figures.get("perception") or {}
        rows.append(
            [
                title(name),
                f"{_share(figures['accuracy'])} [{_share(low)}, {_share(high)}]",
                _share((figures.get("sampled") or {}).get("accuracy")),
                _share(figures["format"]) if name != "blind" else "",
                _share(perception.get("event_map")),
                _share(perception.get("speakers")),
                "" if figures.get("pauses") is None else f"{figures['pauses']:.2f}",
                f"{figures['seconds']:.0f}",
                *(_share((figures["by_skill"].get(skill) or {}).get("accuracy")) for skill in skills),
            ]
        )
    return markdown(heads, rows)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without a final line break."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows))


def write(folder: Path, results: Mapping[str, Any], material: str | None) -> None:
    """Writes the table and the plots into a run's folder.

    Args:
        material: Audio of the data: ``real``, ``synthetic`` or None (see :func:`recipes.mini.material`).
    """
    parts = [f"# Results\n\nHeld out: {_MATERIAL[material]}.", table(results)]
    comparisons = folder / "comparisons.json"
    if comparisons.is_file():
        lines = [
            f"- {name}: {gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}], p = {gain['p']:.3g}"
            for name, gain in json.loads(comparisons.read_text(encoding="utf-8")).items()
        ]
        parts.append("Differences, by clip (bootstrap interval, sign-flip test):\n\n" + "\n".join(lines))
    if spent := costs(folder):
        parts.append("\n".join(f"- {name}: {text}" for name, text in spent.items()))
    (folder / TABLE).write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    plot(results, folder / "accuracy.png")


def costs(folder: Path) -> dict[str, str]:
    """Wall time and peak memory of each stage's training, from the last line of its log."""
    spent = {}
    for stage in ("stage1", "stage2"):
        file = folder / f"{stage}.log.jsonl"
        rows = json_files.rows(file) if file.is_file() else ()
        ends = [row for _, row in rows if isinstance(row, dict) and "minutes" in row]
        if ends:
            end = ends[-1]
            spent[title(stage)] = (
                f"{end['step']} steps in {end['minutes']:.1f} minutes, {end['memory_gb']:.1f} GB of memory"
                + (f", {end['gpu_memory_gb']:.1f} GB of the GPU's" if "gpu_memory_gb" in end else "")
            )
    return spent


def text(folder: Path) -> str:
    """Reads the report that :func:`write` wrote."""
    return (folder / TABLE).read_text(encoding="utf-8")


def plot(results: Mapping[str, Any], out: Path) -> None:
    """Plots the accuracy of each system with its interval, and accuracy by skill."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(results)
    skills = _skills(results)
    trained = [name for name in ("blind", "stage1", "stage2") if name in results]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 0.35 * max(len(names), len(skills)) + 2))
    for place, name in enumerate(reversed(names)):
        share, (low, high) = results[name]["accuracy"], results[name]["interval"]
        left.barh(place, share, xerr=[[share - low], [high - share]], color="tab:blue", alpha=0.8)
    left.set_yticks(range(len(names)), [title(name) for name in reversed(names)])
    for number, name in enumerate(trained):
        shares = [(results[name]["by_skill"].get(skill) or {}).get("accuracy", 0.0) for skill in skills]
        height = 0.8 / len(trained)
        places = [place + (number - (len(trained) - 1) / 2) * height for place in range(len(skills))]
        right.barh(places, shares, height, label=title(name))
    right.set_yticks(range(len(skills)), skills)
    if trained:
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(trained), frameon=False)
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_xlabel("accuracy")
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def _skills(results: Mapping[str, Any]) -> list[str]:
    return sorted({skill for figures in results.values() for skill in figures["by_skill"]})


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
