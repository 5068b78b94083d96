"""Accuracy of the blind solver with its confidence interval, and the accuracy of guessing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paqa_builder.gate.solver import Answers

_Z = 1.959964  # 95 %, two-sided


@dataclass(frozen=True, slots=True)
class BlindScore:
    """Held-out accuracy of the blind solver.

    Attributes:
        questions: Number of questions.
        accuracy: Share of right answers.
        low: Lower end of the 95 % interval (see :func:`interval`).
        high: Upper end.
        chance: Expected share of right answers when guessing.
    """

    questions: int
    accuracy: float
    low: float
    high: float
    chance: float

    def beats(self, margin: float) -> bool:
        """True if the whole interval lies more than ``margin`` above chance."""
        return self.low > self.chance + margin

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible dictionary, rounded to four decimals."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        interval = f"[{self.low:.3f}, {self.high:.3f}]"
        return f"{self.accuracy:.3f} {interval} of {self.questions}, chance {self.chance:.3f}"


NO_SCORE = BlindScore(0, 0.0, 0.0, 0.0, 0.0)


def score(answers: Answers) -> BlindScore:
    """Scores answers; :data:`NO_SCORE` without any."""
    n = len(answers.hit)
    if not n:
        return NO_SCORE
    mean = float(answers.hit.mean())
    low, high = interval(answers.hit, answers.clip)
    return BlindScore(n, mean, low, high, float(answers.chance.mean()))


def interval(hit: np.ndarray, clip: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean of values in [0, 1] that are clustered by clip.

    Wilson's interval with the effective sample size: the number of values over the design effect
    (Kish 1965), which is at least 1.
    """
    n, mean = len(hit), float(hit.mean())
    _, cluster = np.unique(clip, return_inverse=True)
    sums = np.bincount(cluster, hit - mean)
    independent = mean * (1 - mean) * n  # variance of the sum without clusters
    size = n / max(1.0, float(np.sum(sums * sums)) / independent) if independent > 0 else float(n)
    middle = (mean + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * (mean * (1 - mean) / size + _Z**2 / (4 * size**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
