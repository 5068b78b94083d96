"""Separation: the speech stem against the speakers' own recordings.

SI-SDR: Le Roux, Wisdom, Erdogan, Hershey, "SDR - half-baked or well done?", ICASSP 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

LOUD = 10.0
"""Scenes whose sounds are at this SNR (dB) or below are also summed up by themselves."""


def score(
    references: Mapping[str, Reference], stems: Callable[[str], Mapping[str, Path]]
) -> dict[str, Ratio]:
    """Scores stems, in dB, averaged over clips that have both speech and other sounds.

    Args:
        references: By clip id; those with reference stems are scored. The mixture is their sum.
        stems: Gives a clip's separated stems, ``speech`` and ``background``, by name.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for clip, reference in references.items():
        heard = stems(clip)
        if "speech" not in heard or not reference.speech or not reference.others:
            continue
        rate, speech = _sum(reference.speech)
        _, others = _sum(reference.others, rate)
        length = min(len(speech), len(others))
        speech, others = speech[:length], others[:length]
        if not speech.any() or not others.any():
            continue  # nothing to separate: the mixture is perfect already
        stem = _load(heard["speech"], rate)[:length]
        before, after = si_sdr(speech + others, speech), si_sdr(stem, speech)
        values = {"si_sdr": after, "si_sdr_gain": after - before}
        if reference.snr is not None and reference.snr <= LOUD:
            values["si_sdr_gain_loud"] = after - before
        if "background" in heard:
            values["leak"] = leak(_load(heard["background"], rate)[:length], speech)
        for name, value in values.items():
            found.setdefault(name, {})[clip] = (value, 1.0)
    return {name: Ratio(parts) for name, parts in found.items()}


def si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, of two signals of shape (samples,).

    Bounded to ±100 dB, so that a perfect or a silent estimate does not make an average infinite.
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
    """The level of the speech within the background stem, in dB of what it is in the mixture.

    The speech's part is found by projection; -20 dB means that a tenth of its amplitude is left.
    """
    import numpy as np

    background, speech = _aligned(background, speech)
    share = abs(float(background @ speech)) / float(speech @ speech)
    return float(20 * np.log10(max(share, 1e-5)))


def _aligned(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    length = min(len(one), len(other))
    one, other = one[:length].astype(np.float64), other[:length].astype(np.float64)
    return one - one.mean(), other - other.mean()


def _sum(paths: tuple[Path, ...], rate: int | None = None) -> tuple[int, np.ndarray]:
    """The sum of audio files, as (rate, samples); the first file decides the rate unless it is given."""
    total: np.ndarray | None = None
    for path in paths:
        samples = _load(path, rate)
        rate = rate or _rate(path)
        if total is not None:
            length = min(len(total), len(samples))
            samples = samples[:length] + total[:length]
        total = samples
    assert total is not None
    assert rate is not None
    return rate, total


def _rate(path: Path) -> int:
    import soundfile

    return int(soundfile.info(path).samplerate)


def _load(path: Path, rate: int | None) -> np.ndarray:
    """An audio file as mono samples at ``rate`` Hz (its own if None)."""
    import soundfile
    import soxr

    try:
        samples, own = soundfile.read(path, dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ConfigError(f"{path}: cannot be read as audio ({error})", fix="check the stems") from error
    mono = samples.mean(axis=1)
    return mono if rate in (None, own) else soxr.resample(mono, own, rate)
