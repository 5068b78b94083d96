"""Rendering of a design to audio: integer stems that add up to the mixture exactly.

Every piece and every sound gets the same fades, then reverberation, then its level over its activity.
Room tone covers the whole scene, so there is no digital silence and all pauses have the same level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paqa_builder import audio
from paqa_builder.errors import AudioError, ConfigError
from paqa_builder.intervals import Spans, union
from paqa_builder.mix import decoding
from paqa_builder.mix.activity import active_rms, clip_spans
from paqa_builder.mix.material import Take
from paqa_builder.mix.room import convolve, impulse_response, white
from paqa_builder.mix.scene import Design, Place, Room, Sound

FADE = 0.02
"""Seconds of raised cosine at every cut."""

CROSSFADE = 0.5
"""Seconds of cross-fade between repetitions of an ambience."""

CEILING = 10 ** (-1.0 / 20)
"""Highest peak, 1 dB below full scale; louder scenes are attenuated as a whole."""

FULL = 32767
ROOM_TONE = "N"


@dataclass(frozen=True)
class Rendered:
    """Audio of a scene.

    Attributes:
        mixture: ``int16 [n]``.
        stems: ``int16 [n]`` by id: ``"S1"``, ``"E1"``, ``"N"`` (room tone). They add up to the mixture.
        gain: Factor applied to the whole scene to keep peaks below full scale; at most 1.
        snr: Measured SNR of each sound in dB, without sounds that round to silence.
    """

    rate: int
    mixture: np.ndarray
    stems: dict[str, np.ndarray]
    gain: float
    snr: dict[str, float]


def render(design: Design, roots: Mapping[str, Path]) -> Rendered:
    """Renders a design.

    Args:
        roots: Folders of the pools by name, as in the design's takes.

    Raises:
        AudioError: A recording is missing or unreadable, or differs from the one in the design.
        ConfigError: ``roots`` lacks a pool.
        NotReadyError: The design's room needs a package that is not installed.
    """
    rate, count = design.rate, round(design.duration * design.rate)
    layers = {speaker.id: np.zeros(count) for speaker in design.speakers}
    places = {speaker.id: speaker.place for speaker in design.speakers}
    for segment in design.segments:
        dry = _faded(_taken(segment.take, roots, rate), rate)
        wet = _in_room(dry, design.room, places[segment.speaker], rate)
        inside = clip_spans(segment.activity, 0.0, design.duration, -segment.start)
        _add(layers[segment.speaker], _at_level(wet, rate, inside, segment.level), segment.start, rate)
    spoken = spoken_spans(design)
    reference = active_rms(_sum(layers.values(), count), rate, spoken) or _amplitude(design.level)
    for sound in design.sounds:
        layers[sound.id] = _sound(sound, design, roots, reference, count)
    layers[ROOM_TONE] = room_tone(design.noise, count) * _amplitude(design.floor)
    gain = gain_for(layers.values(), count)
    stems = {name: np.round(layer * gain * FULL).astype(np.int16) for name, layer in layers.items()}
    mixture = np.sum([stem.astype(np.int32) for stem in stems.values()], axis=0)
    # The ceiling leaves 3,500 quantisation steps of headroom; rounding needs half a step for each stem.
    assert np.abs(mixture).max() <= FULL
    return Rendered(rate, mixture.astype(np.int16), stems, round(gain, 5), _measured(design, stems, gain))


def gain_for(layers: Collection[np.ndarray], count: int) -> float:
    """Gain that keeps the sum of the layers below :data:`CEILING` and each layer within 16 bits.

    A layer can exceed the sum where another layer cancels its peak.
    """
    peak = float(np.abs(_sum(layers, count)).max())
    loudest = max(float(np.abs(layer).max()) for layer in layers)
    return min(1.0, CEILING / peak, 1.0 / loudest)


def spoken_spans(design: Design) -> Spans:
    """The intervals in which at least one speaker is active."""
    return union(span for segment in design.segments for span in segment.activity)


def room_tone(seed: int, count: int) -> np.ndarray:
    """Room tone: noise of RMS 1 that falls by 3 dB an octave above 50 Hz at a sample rate of 16 kHz."""
    # A power of two: the FFT of lengths with large prime factors takes ten times as long.
    size = 1 << (count - 1).bit_length()
    spectrum = np.fft.rfft(white(seed, size))
    relative = np.arange(len(spectrum)) / max(1, len(spectrum) - 1)
    spectrum *= 1 / np.sqrt(np.maximum(relative, 1 / 160))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, size)[:count]
    return noise / np.sqrt(np.mean(noise**2))


def _sound(
    sound: Sound, design: Design, roots: Mapping[str, Path], reference: float, count: int
) -> np.ndarray:
    samples, rate = _taken(sound.take, roots, design.rate), design.rate
    if sound.kind == "blank":
        samples = _envelope(samples, rate) * room_tone(design.noise ^ int(sound.start * 1000), len(samples))
    if sound.loop:
        samples = _repeated(samples, round((sound.end - sound.start) * rate), rate)
    else:
        samples = _in_room(_faded(samples, rate), design.room, sound.place, rate)
    inside = clip_spans(sound.activity, 0.0, design.duration, -sound.start)
    layer = np.zeros(count)
    level = 20 * np.log10(reference) - sound.snr
    _add(layer, _at_level(samples, rate, inside, level), sound.start, rate)
    return layer


def _taken(take: Take, roots: Mapping[str, Path], rate: int) -> np.ndarray:
    """The take's samples, ``float64 [n]`` at ``rate``."""
    if take.root not in roots:
        raise ConfigError(
            f"the design takes {take.path} from the pool {take.root!r}, whose folder is unknown",
            fix=f"--root {take.root}=DIR",
        )
    recording, sha256 = decoding.read_at(roots[take.root] / take.path, rate)
    if sha256 != take.sha256:
        raise AudioError(f"{take.path}: its SHA-256 differs from that of the recording in the design")
    length = round(take.length * rate)
    start = round(take.start * rate)
    return audio.fit(recording.samples[start : start + length].astype(np.float64), length)


def _faded(samples: np.ndarray, rate: int) -> np.ndarray:
    length = min(round(FADE * rate), len(samples) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _in_room(samples: np.ndarray, room: Room | None, place: Place | None, rate: int) -> np.ndarray:
    if room is None or place is None:
        return samples
    return convolve(samples, impulse_response(room, place, rate))


def _at_level(samples: np.ndarray, rate: int, active: Spans, level: float) -> np.ndarray:
    rms = active_rms(samples, rate, active)
    return samples * (_amplitude(level) / rms) if rms > 0 else samples


def _amplitude(level: float) -> float:
    return float(10 ** (level / 20))


def _add(layer: np.ndarray, samples: np.ndarray, start: float, rate: int) -> None:
    first = round(start * rate)
    part = samples[: len(layer) - first]
    layer[first : first + len(part)] += part


def _sum(layers: Iterable[np.ndarray], count: int) -> np.ndarray:
    total = np.zeros(count)
    for layer in layers:
        total += layer
    return total


def _envelope(samples: np.ndarray, rate: int) -> np.ndarray:
    """RMS in steps of 50 ms, interpolated to ``[n]``. Shorter steps would follow the waveform."""
    step = min(len(samples), round(0.05 * rate))
    steps = len(samples) // step
    power = np.mean(np.square(samples[: steps * step]).reshape(steps, step), axis=1)
    return np.interp(np.arange(len(samples)), (np.arange(steps) + 0.5) * step, np.sqrt(power))


def _repeated(samples: np.ndarray, length: int, rate: int) -> np.ndarray:
    """Repeats a recording to ``length`` samples with cross-fades of constant power."""
    fade = min(round(CROSSFADE * rate), len(samples) // 3)
    angle = np.pi / 2 * (np.arange(fade) + 0.5) / fade
    filled = samples
    while len(filled) < length:
        seam = filled[-fade:] * np.cos(angle) + samples[:fade] * np.sin(angle)
        filled = np.concatenate([filled[:-fade], seam, samples[fade:]])
    return filled[:length]


def _measured(design: Design, stems: Mapping[str, np.ndarray], gain: float) -> dict[str, float]:
    voices = [stems[speaker.id] / FULL for speaker in design.speakers]
    speech = active_rms(_sum(voices, len(stems[ROOM_TONE])), design.rate, spoken_spans(design))
    speech = speech or _amplitude(design.level) * gain  # without speech: the design's speech level
    snr = {}
    for sound in design.sounds:
        rms = active_rms(stems[sound.id] / FULL, design.rate, sound.activity)
        if rms > 0:
            snr[sound.id] = round(float(20 * np.log10(speech / rms)), 2)
    return snr


def pcm_sha256(samples: np.ndarray) -> str:
    """SHA-256 of the samples as little-endian 16-bit integers, independent of the encoder."""
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
