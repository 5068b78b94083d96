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
def _text() -> str:
    return files("paqa_builder").joinpath("data/calibration.json").read_text(encoding="utf-8")


@cache
def _table() -> dict[str, Any]:
    return json.loads(_text())


@cache
def revision() -> str:
    """Identifier of the calibration, part of the revision of backends that use it."""
    return "cal-" + hashlib.sha256(_text().encode()).hexdigest()[:6]


@cache
def same_voice(name: str) -> SameVoice:
    """The speaker clustering of a diarizer, by backend name.

    Raises:
        KeyError: There is no calibration for it.
    """
    row = _table()["same_voice"][name]
    return SameVoice(tuple(row["weights"]), row["intercept"], row["phantom"], row["enough"])


@cache
def curve(name: str) -> Curve:
    """A curve by name, such as ``"turn.segmentation_campplus"``.

    Raises:
        KeyError: There is no calibration for it.
    """
    row = _table()["curves"][name]
    return Curve(tuple(row["raw"]), tuple(row["right"]))


@cache
def among_voices(name: str) -> dict[str, float]:
    """Label -> log odds that a tagger outputs for clips with speech only, relative to those of 2 %.

    Labels with lower log odds are left out.

    Raises:
        KeyError: There is no calibration for it.
    """
    return dict(_table()["among_voices"][name])
