"""Model families by name: built-ins, and subclasses of Family in plugin files. Listing imports none."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module

from paqa_builder import registry
from paqa_builder.errors import ConfigError
from recipes.families.base import Family

FAMILIES = {
    "qwen2_audio": "recipes.families.qwen2_audio:Qwen2Audio",
    "qwen2_5_omni": "recipes.families.qwen2_5_omni:Qwen25Omni",
    "audio_flamingo3": "recipes.families.audio_flamingo3:AudioFlamingo3",
    "voxtral": "recipes.families.voxtral:Voxtral",
}

__all__ = ["FAMILIES", "Family", "family"]


@cache
def family(name: str) -> Family:
    """The family of a name, built in or from a plugin.

    Raises:
        ConfigError: No family has this name.
    """
    if name not in FAMILIES:
        plugins = [entry.name for entry in registry.entries("family")]
        if name in plugins:
            return registry.get("family", name)()
        known = [*FAMILIES, *plugins]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"model.family {name!r}: there are: {', '.join(known)}{hint}")
    module, _, attribute = FAMILIES[name].partition(":")
    return getattr(import_module(module), attribute)()
