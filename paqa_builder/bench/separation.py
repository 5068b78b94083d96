"""Scores of separation: the speech stem against the reference stems of the speakers.

SI-SDR: Le Roux, Wisdom, Erdogan, Hershey, "SDR - half-baked or well done?", ICASSP 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.errors import AudioError, ConfigError

if TYPE_CHECKING:
    import numpy as np

    from paqa_builder.audio import Audio

LOUD = 10.0
"""Scenes with at most this SNR (dB) also have a measure of their own."""


def score(
    references: Mapping[str, Reference], stems: Callable[[str], Mapping[str, Audio]]
) -> dict[str, Ratio]:
    """Scores stems in dB, averaged over clips with both speech and other sounds.

    Args:
        references: Ground truth by clip id. The mixture is the sum of the reference stems; clips without
            them are not scored.
        stems: Returns a clip's separated stems, ``speech`` and ``background``, by name.
    """
    scores: dict[str, dict[str, tuple[float, float]]] = {}
    for clip, reference in references.items():
        separated = stems(clip)
        if "speech" not in separated or not reference.speech or not reference.others:
            continue
        rate, speech = _sum(reference.speech)
        _, others = _sum(reference.others, rate)
        length = min(len(speech), len(others))
        speech, others = speech[:length], others[:length]
        if not speech.any() or not others.any():
            continue  # nothing to separate
        stem = _load(separated["speech"], rate)[:length]
        before, after = si_sdr(speech + others, speech), si_sdr(stem, speech)
        values = {"si_sdr": after, "si_sdr_gain": after - before}
        if reference.snr is not None and reference.snr <= LOUD:
            values["si_sdr_gain_loud"] = after - before
        if "background" in separated:
            values["leak"] = leak(_load(separated["background"], rate)[:length], speech)
        for name, value in values.items():
            scores.setdefault(name, {})[clip] = (value, 1.0)
    return {name: Ratio(parts) for name, parts in scores.items()}


def si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB of an estimate, both of shape (samples,).

    Clipped to ±100 dB, so that a perfect or a silent estimate keeps averages finite.
    """
    import numpy as np

    estimate, target = _aligned(estimate, target)
    wanted = (estimate @ target) / (target @ target) * target
    error = estimate - wanted
    power, noise = float(wanted @ wanted), float(error @ error)
    if power == 0:
        return -100.0
    return float(np.clip(10 * np.log10(power / max(noise, 1e-30)), -100, 100))


def leak(background: np.ndarray, speech: np.ndarray) -> float:
    """Level of the speech in the background stem, in dB relative to the mixture.

    The speech component is the projection of the background on the speech; -20 dB means a tenth of its
    amplitude.
    """
    import numpy as np

    background, speech = _aligned(background, speech)
    share = abs(float(background @ speech)) / float(speech @ speech)
    return float(20 * np.log10(max(share, 1e-5)))


def _aligned(estimate: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    length = min(len(estimate), len(target))
    estimate, target = estimate[:length].astype(np.float64), target[:length].astype(np.float64)
    return estimate - estimate.mean(), target - target.mean()


def _sum(paths: tuple[Path, ...], rate: int | None = None) -> tuple[int, np.ndarray]:
    """The sum of audio files as (rate, samples), at the first file's rate by default."""
    total: np.ndarray | None = None
    for path in paths:
        samples, own = _decoded(path)
        rate = rate or own
        samples = _at(samples, own, rate)
        if total is not None:
            length = min(len(total), len(samples))
            samples = samples[:length] + total[:length]
        total = samples
    assert total is not None
    assert rate is not None
    return rate, total


def _load(stem: Audio, rate: int) -> np.ndarray:
    """The samples of a stem at ``rate`` Hz."""
    return _at(stem.samples.astype("float64"), stem.rate, rate)


def _at(samples: np.ndarray, own: int, rate: int) -> np.ndarray:
    import soxr

    return samples if rate == own else soxr.resample(samples, own, rate)


def _decoded(path: Path) -> tuple[np.ndarray, int]:
    """The mean of a file's channels and its rate; at the file's own level, since stems are added up."""
    from paqa_builder.audio.decode import decode

    try:
        decoded = decode(path.read_bytes(), path.name)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", fix="check the stems") from error
    except AudioError as error:
        raise ConfigError(f"{path.parent}/{error.message}", fix="check the stems") from error
    return decoded.samples.mean(axis=1, dtype="float64"), decoded.rate
