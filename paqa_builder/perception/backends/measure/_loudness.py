"""Integrated loudness of long clips, block by block, with the filters and gates of pyloudnorm."""

from __future__ import annotations

from typing import Any

import numpy as np

from paqa_builder.audio import spool

_ABSOLUTE, _RELATIVE = -70.0, -10.0
"""Gates of ITU-R BS.1770-4: in LUFS, and in LU below the loudness above the absolute gate."""


def integrated(meter: Any, samples: np.ndarray) -> float:
    """The result of ``meter.integrated_loudness`` for mono samples, without copies of all of them."""
    power = _powers(meter, samples)
    levels = _level(power)
    loud = levels >= _ABSOLUTE
    if not loud.any():
        return -np.inf
    gate = _level(np.mean(power[loud])) + _RELATIVE
    return float(_level(np.mean(power[(levels > gate) & (levels > _ABSOLUTE)])))


def _level(power: Any) -> Any:
    return -0.691 + 10.0 * np.log10(power)


def _powers(meter: Any, samples: np.ndarray) -> np.ndarray:
    """Mean square of the weighted signal in overlapping gating blocks."""
    from scipy.signal import lfilter

    size, step, rate = meter.block_size, 1.0 - meter.overlap, meter.rate
    count = int(np.round((len(samples) / rate - size) / (size * step)) + 1)
    filters = list(meter._filters.values())
    states = [np.zeros(max(len(stage.a), len(stage.b)) - 1) for stage in filters]
    powers: list[float] = []
    weighted, start, done = np.zeros(0), 0, 0
    for block in spool.blocks(samples):
        signal = block.astype(np.float64)
        for number, stage in enumerate(filters):
            signal, states[number] = lfilter(stage.b, stage.a, signal, zi=states[number])
            signal *= stage.passband_gain
        weighted = np.concatenate([weighted, signal])
        done += len(block)
        while len(powers) < count:
            first = int(size * (len(powers) * step) * rate)
            last = int(size * (len(powers) * step + 1) * rate)
            if last > done and done < len(samples):
                break
            chosen = weighted[first - start : last - start]
            powers.append(float(1.0 / (size * rate) * np.sum(np.square(chosen))))
        weighted, start = weighted[first - start :], first
    return np.array(powers)
