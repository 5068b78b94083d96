"""Decoded audio that several stages of one task share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from paqa_builder.audio import Audio, LongAudio
from paqa_builder.records import AudioInfo

SECONDS = 600.0
"""Seconds of audio that are kept at once."""

Key = tuple[str, str]
"""Id and SHA-256 of a clip."""


@dataclass
class SharedClip:
    """What is known of one clip: its decoded mixture, and signals at other rates."""

    decoded: tuple[Audio, AudioInfo] | None = None
    at: dict[tuple[str, int], Audio] = field(default_factory=dict)


@dataclass
class SharedAudio:
    """The audio of the clips of a part, as far as they are short.

    Attributes:
        stems: Stems by the path of their record, as a reader of their files would get them.
    """

    left: float = SECONDS
    stems: dict[str, Audio] = field(default_factory=dict)
    _clips: dict[Key, SharedClip] = field(default_factory=dict)

    def clip(self, key: Key) -> SharedClip | None:
        """What is kept of a clip."""
        return self._clips.get(key)

    def keep(self, key: Key, clip: SharedClip) -> bool:
        """Keeps a clip if it is short enough; returns whether it is kept."""
        if key in self._clips:
            return True
        audio = clip.decoded[0] if clip.decoded else None
        if audio is None or isinstance(audio, LongAudio) or audio.duration > self.left:
            return False
        self.left -= audio.duration
        self._clips[key] = clip
        return True


def as_stored(audio: Audio) -> Audio:
    """A stem as it comes back from its 16-bit file."""
    scale = np.float32(32_768)
    whole = np.rint(np.clip(audio.samples, -1.0, 1.0).astype(np.float32, copy=False) * scale)
    return Audio(np.minimum(whole, scale - 1) / scale, audio.rate)
