"""Scores a build against ground truth, with every measure that both allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paqa_builder.bench import diarization, events, separation, transcription, verdicts
from paqa_builder.bench.build import Build
from paqa_builder.bench.measures import Measure
from paqa_builder.bench.reference import Reference, match
from paqa_builder.bench.verdicts import Judged
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.questions.templates import load_templates
from paqa_builder.records import Scene
from paqa_builder.sources import settle_truth

_PACKAGES = {
    "jiwer": "jiwer",
    "pyannote.metrics": "pyannote.metrics",
    "whisper_normalizer": "whisper-normalizer",
    "scipy": "scipy",
}
_PLOTS = {"matplotlib": "matplotlib"}


@dataclass(frozen=True)
class Scores:
    """The scores of a build.

    Attributes:
        measures: Measures by name; :data:`~paqa_builder.bench.titles.TITLES` describes them.
        conditions: ``snr`` (dB), ``speakers`` and ``overlap`` (share of speech) by clip, where known.
        judged: All questions on clips with ground truth.
        clips: Number of scored clips.
        seconds: Their total length.
        unscored: Clips of the build without ground truth or audio.
        absent: Clips of the ground truth that are not in the build.
        notes: Measures that are missing or incomplete, with the reason.
    """

    name: str
    measures: dict[str, Measure]
    conditions: dict[str, dict[str, float]]
    judged: tuple[Judged, ...]
    clips: int
    seconds: float
    unscored: tuple[str, ...]
    absent: tuple[str, ...]
    notes: tuple[str, ...]
    costs: dict[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()


def require(*, plots: bool = False) -> None:
    """Checks that the packages of the ``eval`` extra are installed.

    Raises:
        NotReadyError: Some are not; names them and the command that installs them.
    """
    from importlib.util import find_spec

    def installed(module: str) -> bool:
        try:
            return find_spec(module) is not None
        except ModuleNotFoundError:  # of a parent package
            return False

    needed = _PACKAGES | (_PLOTS if plots else {})
    if missing := [package for module, package in needed.items() if not installed(module)]:
        raise NotReadyError(
            f"paqa bench needs {', '.join(missing)}, not installed here",
            fix="pip install 'paqa-builder[eval]'",
        )


def score_build(
    build: Build,
    references: Sequence[Reference] | None = None,
    *,
    threshold: float = events.THRESHOLD,
    templates: Sequence[Path] = (),
) -> Scores:
    """Scores a build.

    Args:
        references: Ground truth; the build's own ``truth_*`` columns if None.
        threshold: Smallest score of a tag that counts as a detection.
        templates: Folders with the build's own templates.

    Raises:
        ConfigError: No clip of the build has ground truth.
        NotReadyError: A package of the ``eval`` extra is missing.
    """
    require()
    references = build.own_truth() if references is None else references
    matched = match(references, list(build.scenes))
    if not matched:
        have = f"the build has {_some(list(build.scenes))}"
        known = (
            f"the ground truth {_some([r.names[0] for r in references])}"
            if references
            else "no truth_* column"
        )
        raise ConfigError(
            f"{build.folder}: no clip has ground truth; {have}, {known}",
            fix="name the ground truth with --truth MANIFEST_OR_FOLDER",
        )
    # Unreadable files have no length and are not scored; they are failures of the build.
    pairs = {
        clip: (build.scenes[clip], settled(reference, build.scenes[clip].duration))
        for clip, reference in matched.items()
        if build.scenes[clip].audio is not None
    }
    measures, notes = score(pairs, threshold=threshold)
    measures |= separation.score({clip: reference for clip, (_, reference) in pairs.items()}, build.stems)
    if any(r.speech for _, r in pairs.values()) and "si_sdr" not in measures:
        notes.append("separation: no stems (build with --stems keep; name --work)")
    judged = verdicts.judge_all(build.questions, pairs, load_templates(templates))
    used = {id(reference) for reference in matched.values()}
    return Scores(
        name=build.name,
        measures=measures | verdicts.score(judged),
        conditions=conditions(pairs),
        judged=tuple(judged),
        clips=len(pairs),
        seconds=sum(scene.duration for scene, _ in pairs.values()),
        unscored=tuple(clip for clip in build.scenes if clip not in pairs),
        absent=tuple(sorted(r.names[0] for r in references if id(r) not in used)),
        notes=tuple(notes),
        costs=build.costs,
        models=tuple(build.models),
    )


def score(
    pairs: Mapping[str, tuple[Scene, Reference]], *, threshold: float = events.THRESHOLD
) -> tuple[dict[str, Measure], list[str]]:
    """Scores turns, utterances and tags.

    Args:
        pairs: Scene and ground truth (:func:`settled`) by clip.

    Returns:
        Measures by name, and notes on failed or missing stages.
    """
    measures: dict[str, Measure] = {}
    notes = []
    for layer, stage, measure in (
        ("turns", "diarize", diarization.score),
        ("utterances", "transcribe", transcription.score),
        ("tags", "tag", lambda chosen: events.score(chosen, threshold)),
    ):
        chosen = {clip: pair for clip, pair in pairs.items() if getattr(pair[1].truth, layer) is not None}
        if not chosen:
            continue
        if all(getattr(scene, layer) is None for scene, _ in chosen.values()):
            notes.append(f"{stage}: there is ground truth, but the stage did not run")
            continue
        measures |= measure(chosen)
        if failed := sum(getattr(scene, layer) is None for scene, _ in chosen.values()):
            notes.append(f"{stage}: failed on {failed} of {len(chosen)} clips, scored as empty")
    return measures, notes


def settled(reference: Reference, duration: float) -> Reference:
    """Ground truth cut to the clip's length; clip-level labels span the clip."""
    return replace(reference, truth=settle_truth(reference.truth, duration))


def conditions(pairs: Mapping[str, tuple[Scene, Reference]]) -> dict[str, dict[str, float]]:
    """SNR (dB), number of speakers and overlap (share of speech) of the clips, from ground truth."""
    values: dict[str, dict[str, float]] = {"snr": {}, "speakers": {}, "overlap": {}}
    for clip, (_, reference) in pairs.items():
        if reference.snr is not None:
            values["snr"][clip] = reference.snr
        if reference.truth.turns is not None:
            values["speakers"][clip] = float(len({turn.speaker for turn in reference.truth.turns}))
            values["overlap"][clip] = diarization.overlap_share(reference.truth.turns)
    return values


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (" …" if len(names) > 3 else "")
