"""Tagging as the first release called YAMNet: every patch quantised and run alone."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from paqa_builder.audio import Audio, resample
from paqa_builder.perception.backends.tag import yamnet
from paqa_builder.runtime.threads import onnx_session
from paqa_builder.weights import store


def run(clips: Sequence[Audio]) -> list[np.ndarray]:
    """Probabilities ``[n, 521]`` of each clip, from the backend's own features."""
    tagger = _OneByOne()
    tagger.load()
    return [tagger.probabilities(resample(clip, yamnet.RATE))[1] for clip in clips]


class _OneByOne(yamnet.Yamnet):
    def load(self) -> None:
        super().load()
        with TemporaryDirectory() as folder, zipfile.ZipFile(store.locate("yamnet")["weights"]) as archive:
            archive.extractall(folder)
            self._single: Any = onnx_session(next(Path(folder).rglob("*.onnx")))

    def _quantised(self, features: np.ndarray) -> np.ndarray:
        return features

    def _run(self, patches: np.ndarray) -> np.ndarray:
        return np.stack([self._one(super(_OneByOne, self)._quantised(patch)) for patch in patches])

    def _one(self, patch: np.ndarray) -> np.ndarray:
        logits = self._single.run(None, {"audio": patch[None, None]})[0][0].astype(np.float64)
        return 1 / (1 + np.exp((self._zero_out - logits) * self._scale_out))
