"""The file with the figures of one measurement, or with why there are none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paqa_builder.errors import PaqaError


def write(file: Path, measure: Callable[[Path], dict[str, Any]]) -> None:
    """Measures in a temporary folder and writes the figures, or that the measurement was skipped."""
    with tempfile.TemporaryDirectory(prefix="paqa-gpu-") as folder:
        try:
            result = measure(Path(folder))
        except PaqaError as error:
            result = {"skipped": f"{error.message}" + (f" ({error.fix})" if error.fix else "")}
        except ImportError as error:
            result = {"skipped": f"a package is missing: {error}"}
    file.write_text(json.dumps(result), encoding="utf-8")
