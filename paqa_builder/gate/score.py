"""How often a blind answer is right, with what certainty that is known, and what chance would give."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paqa_builder.gate.solver import Answers

_Z = 1.959964  # 95 %, two-sided


@dataclass(frozen=True, slots=True)
class BlindScore:
    """The blind solver's accuracy on some questions.

    Attributes:
        questions: How many.
        accuracy: Share that it gets right, each held out.
        low: Lower end of the 95 % interval (Wilson's, widened because questions on one clip go together).
        high: Its upper end.
        chance: Share that guessing gets right.
    """

    questions: int
    accuracy: float
    low: float
    high: float
    chance: float

    def beats(self, margin: float) -> bool:
        """True if it is surely (the whole interval) more than ``margin`` above chance."""
        return self.low > self.chance + margin

    def to_json(self) -> dict[str, Any]:
        """Plain data, rounded to four decimals."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        found = f"{self.accuracy:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return f"{found} of {self.questions}, chance {self.chance:.3f}"


def score(answers: Answers) -> BlindScore:
    """Scores answers; of none, the score is 0 of 0."""
    n = len(answers.hit)
    if not n:
        return BlindScore(0, 0.0, 0.0, 0.0, 0.0)
    mean = float(answers.hit.mean())
    low, high = interval(answers.hit, answers.clip)
    return BlindScore(n, mean, low, high, float(answers.chance.mean()))


def interval(hit: np.ndarray, clip: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean of values in [0, 1], where values of one clip may go together.

    Wilson's interval with as many questions as the data are worth: their number over the design
    effect (Kish 1965), which is never taken to be below 1.
    """
    n, mean = len(hit), float(hit.mean())
    _, of = np.unique(clip, return_inverse=True)
    sums = np.bincount(of, hit - mean)
    apart = mean * (1 - mean) * n
    worth = n / max(1.0, float(np.sum(sums * sums)) / apart) if apart > 0 else float(n)
    middle = (mean + _Z**2 / (2 * worth)) / (1 + _Z**2 / worth)
    half = _Z / (1 + _Z**2 / worth) * (mean * (1 - mean) / worth + _Z**2 / (4 * worth**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
