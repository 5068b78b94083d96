"""Files with changed bytes are audio or an error, in bounded time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from audio_files import VBR, sound, with_av, with_libsndfile

from paqa_builder.audio.decode import decode
from paqa_builder.audio.mixdown import mix_down
from paqa_builder.errors import AudioError

SHORT = sound(1.0)
FILES = {
    "wav": lambda: with_libsndfile(SHORT, format="WAV"),
    "float": lambda: with_libsndfile(SHORT, format="WAV", subtype="FLOAT"),
    "flac": lambda: with_libsndfile(SHORT, format="FLAC"),
    "ogg": lambda: with_libsndfile(SHORT, format="OGG"),
    "mp3": lambda: with_libsndfile(SHORT, **VBR),
    "m4a": lambda: with_av(SHORT, "ipod", "aac"),
    "webm": lambda: with_av(sound(1.0, rate=48_000), "webm", "libopus", rate=48_000),
    "aiff": lambda: with_libsndfile(SHORT, format="AIFF"),
    "caf": lambda: with_libsndfile(SHORT, format="CAF", subtype="ALAC_16"),
}


@pytest.mark.parametrize("kind", FILES)
def test_mutated_files(kind: str) -> None:
    """60 files with one to forty bytes changed, most of them in the header; some cut or with a hole."""
    data, random = FILES[kind](), np.random.default_rng(0)
    for _ in range(60):
        mutated = bytearray(data)
        reach = int(random.choice([64, 512, len(data)]))
        for at in random.integers(0, min(reach, len(data)), random.integers(1, 40)):
            mutated[at] = random.integers(0, 256)
        if random.random() < 0.2:
            del mutated[int(random.integers(0, len(data))) :: int(random.integers(1, 3000))]
        named, started = True, time.perf_counter()
        try:
            decoded = decode(bytes(mutated), f"clip.{kind}")
            mixed = mix_down(decoded.samples, decoded.rate, f"clip.{kind}")
            assert np.isfinite(mixed.samples).all()
        except AudioError as error:
            named = f"clip.{kind}" in str(error)
        assert named
        assert time.perf_counter() - started < 10
