"""Weights and curves that were fitted, not chosen: read from ``data/calibration.json``.

``benchmarks/calibrate.py`` fits them on mixtures of voices and sounds that no test set has, and says in
the file on what, and when. What is here is only the reading and the arithmetic.
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
    """Logistic regression: are two groups of excerpts one voice?

    Attributes:
        weights: Of cosine, cosine relative to that within the groups, link, and log of the smaller
            group's size in excerpts.
        intercept: Its constant.
        phantom, enough: Prior log odds that a group of nearly no excerpts is no voice of its own; the
            prior fades to nothing at ``enough`` excerpts.
    """

    weights: tuple[float, float, float, float]
    intercept: float
    phantom: float
    enough: float

    def log_odds(
        self, cosine: np.ndarray, relative: np.ndarray, link: np.ndarray, smaller: np.ndarray
    ) -> np.ndarray:
        """Log odds; arguments are arrays of one shape. Groups of no excerpts give a huge value or less."""
        size = np.log(np.maximum(smaller, 1))
        evidence = sum(
            weight * value for weight, value in zip(self.weights, (cosine, relative, link, size), strict=True)
        )
        return evidence + self.intercept + self.phantom * np.maximum(0, 1 - smaller / self.enough)


@dataclass(frozen=True, slots=True)
class Curve:
    """A raw score's probability of being right: linear between knots, flat outside.

    Isotonic regression's steps, thinned to a few knots (Zadrozny and Elkan, "Transforming classifier
    scores into accurate multiclass probability estimates", KDD 2002).
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
    """What identifies the fit, for the revision of a backend that uses it: another fit, other results."""
    return "cal-" + hashlib.sha256(_text().encode()).hexdigest()[:6]


@cache
def same_voice(name: str) -> SameVoice:
    """The weights of one diarizer, by backend name.

    Raises:
        KeyError: None is fitted.
    """
    row = _table()["same_voice"][name]
    return SameVoice(tuple(row["weights"]), row["intercept"], row["phantom"], row["enough"])


@cache
def curve(name: str) -> Curve:
    """A curve by name, such as ``"turn.segmentation_campplus"``.

    Raises:
        KeyError: None is fitted.
    """
    row = _table()["curves"][name]
    return Curve(tuple(row["raw"]), tuple(row["right"]))


@cache
def among_voices(name: str) -> dict[str, float]:
    """By label: the log odds, above those of 2 %, that a tagger gives it where people talk and nothing else
    sounds; classes that stay below are not listed.

    Raises:
        KeyError: None is measured.
    """
    return dict(_table()["among_voices"][name])
