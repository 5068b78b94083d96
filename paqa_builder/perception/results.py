"""Checks of what a backend returns, before it becomes records."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


class ResultError(ValueError):
    """A result cannot be stored."""


def check_finite(value: Any, name: str = "the result") -> None:
    """Checks that all numbers of a result are finite and all texts are valid Unicode.

    Args:
        value: Dataclasses, sequences, arrays, numbers and texts, nested.
        name: What the value is, for the error.

    Raises:
        ResultError: One is not.
    """
    if isinstance(value, str):
        if not _encodable(value):
            raise ResultError(f"{name} is not valid Unicode: {value[:80]!a}")
    elif isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and not math.isfinite(float(np.sum(value, dtype=np.float64))):
            raise ResultError(f"{name} holds NaN or infinite values")
    elif isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise ResultError(f"{name} is {value}, not a finite number")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            check_finite(getattr(value, field.name), field.name)
    elif isinstance(value, (tuple, list)):
        for item in value:
            check_finite(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_finite(key, name)
            check_finite(item, str(key))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
