"""Section ``models``: the models of preset ``cpu`` against the calls of the first release.

Both sides get the same signals: the mixture, or for diarization and tagging what the stages select after
separation. One thread, CPU seconds, models loaded before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.suite import clips
from benchmarks.suite.baseline import UnavailableError, baseline
from benchmarks.suite.paired import groups_of, paired
from paqa_builder import registry
from paqa_builder.audio import Audio, resample
from paqa_builder.config import preset
from paqa_builder.perception.backends.base import AudioInput, Backend

LIMIT, GROUPS = 48, 4
QUICK_LIMIT, QUICK_GROUPS = 5, 1
COMPARISONS = {
    "separate_vs_before": ("separate", "separate"),
    "tag_vs_before": ("tag", "tag"),
    "diarize_vs_before": ("diarize", "diarize"),
    "diarize_vs_pyannote": ("diarize", "pyannote_pipeline"),
    "transcribe_vs_before": ("transcribe", "transcribe"),
}


def backend(stage: str) -> Backend:
    """The loaded backend of preset ``cpu``."""
    cls = registry.get(stage, preset("cpu")["stages"][stage]["backend"])
    model: Backend = cls(cls.Options())
    model.load()
    return model


def separated(model: Backend, mixes: list[Audio]) -> list[tuple[Audio, Audio]]:
    """Speech and background of mixtures."""
    inputs = [AudioInput(mix, mix) for mix in (resample(mix, model.sample_rate) for mix in mixes)]
    return model.run(inputs)


def inputs_for(
    stage: str, rate: int, mixes: list[Audio], stems: list[tuple[Audio, Audio]]
) -> list[AudioInput]:
    """What a stage gives its backend, roughly: the background for *tag*, else the mixture."""
    inputs = []
    for mix, (speech, background) in zip(mixes, stems, strict=True):
        signals = [resample(audio, rate) for audio in (mix, speech, background)]
        main = signals[2] if stage == "tag" else signals[0]
        inputs.append(AudioInput(main, *signals))
    return inputs


def run(work: Path, *, quick: bool) -> dict[str, Any]:
    """Measures the ratios of all models; names those that cannot be measured."""
    mixes = clips.load(clips.write(work / "clips", quick=quick, limit=QUICK_LIMIT if quick else LIMIT))
    separator = backend("separate")
    stems = separated(separator, mixes)
    figures: dict[str, Any] = {}
    for name, (stage, other) in COMPARISONS.items():
        model = separator if stage == "separate" else backend(stage)
        inputs = inputs_for(stage, model.sample_rate, mixes, stems)
        try:
            before = baseline(other)
        except UnavailableError as error:
            figures[name] = {"skipped": str(error)}
            continue
        groups = groups_of(inputs, QUICK_GROUPS if quick else GROUPS)
        figures[name] = paired(before, model.run, groups).to_json()
    return figures
