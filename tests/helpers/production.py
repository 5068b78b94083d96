"""What the tests of production backends share."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def there(module: str) -> bool:
    """True if a module is installed, found without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def needs(*modules: str, extra: str = "gpu") -> pytest.MarkDecorator:
    """Skips where the extra that brings these modules is not installed."""
    absent = [module for module in modules if not there(module)]
    return pytest.mark.skipif(bool(absent), reason=f"not installed (extra {extra}): {', '.join(absent)}")
