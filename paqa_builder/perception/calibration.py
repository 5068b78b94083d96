"""Calibration of confidences and of speaker clustering, read from ``data/calibration.json``.

``benchmarks/calibrate.py`` fits it on mixtures of voices and sounds that are in no test set, and records data
and date in the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class SameVoice:
    """Logistic regression for two groups of excerpts being of one voice.

    Attributes:
        weights: Of the cosine, the cosine relative to that within the groups, the link, and the log size of
            the smaller group in excerpts.
        intercept: Constant.
        phantom, enough: Prior log odds that a very small group is not a voice of its own, and the number of
            excerpts at which this prior is zero.
    """

    weights: tuple[float, float, float, float]
    intercept: float
    phantom: float
    enough: float

    def log_odds(
        self, cosine: np.ndarray, relative: np.ndarray, link: np.ndarray, smaller: np.ndarray
    ) -> np.ndarray:
        """Log odds for arrays of one shape. The results of empty groups have no meaning."""
        size = np.log(np.maximum(smaller, 1))
        evidence = sum(
            weight * value for weight, value in zip(self.weights, (cosine, relative, link, size), strict=True)
        )
        return evidence + self.intercept + self.phantom * np.maximum(0, 1 - smaller / self.enough)


@dataclass(frozen=True, slots=True)
class Curve:
    """Probability of a raw score being correct: linear between knots, constant outside.

    Knots of an isotonic regression (Zadrozny and Elkan, "Transforming classifier scores into accurate
    multiclass probability estimates", KDD 2002).
    """

    raw: tuple[float, ...]
    right: tuple[float, ...]

    def __call__(self, score: float) -> float:
        return float(np.interp(score, self.raw, self.right))


@cache
def _table() -> tuple[dict[str, Any], str]:
    """The calibration, and its SHA-256."""
    data = files("paqa_builder").joinpath("data/calibration.json").read_bytes()
    return json.loads(data), hashlib.sha256(data).hexdigest()


def revision() -> str:
    """Identifier of the calibration, part of the revision of backends that use it."""
    return "cal-" + _table()[1][:6]


def same_voice(name: str) -> SameVoice:
    """The speaker clustering of a diarizer, by backend name."""
    row = _table()[0]["same_voice"][name]
    return SameVoice(tuple(row["weights"]), row["intercept"], row["phantom"], row["enough"])


def curve(name: str) -> Curve:
    """A curve by name, such as ``"turn.segmentation_campplus"``."""
    row = _table()[0]["curves"][name]
    return Curve(tuple(row["raw"]), tuple(row["right"]))


def among_voices(name: str) -> dict[str, float]:
    """Label -> log odds of a tagger for clips with speech only, above those of 2 %."""
    return dict(_table()[0]["among_voices"][name])
