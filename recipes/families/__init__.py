"""Registry of model families: built-ins, and subclasses of Family in plugin files."""

from __future__ import annotations

from functools import cache

from paqa_builder import registry
from recipes.families.base import Family

FAMILIES = {
    "qwen2_audio": "recipes.families.qwen2_audio:Qwen2Audio",
    "qwen2_5_omni": "recipes.families.qwen2_5_omni:Qwen25Omni",
    "audio_flamingo3": "recipes.families.audio_flamingo3:AudioFlamingo3",
    "voxtral": "recipes.families.voxtral:Voxtral",
}

registry.declare("family", FAMILIES)

__all__ = ["FAMILIES", "Family", "family"]


@cache
def family(name: str) -> Family:
    """A built-in or plugin family by its name.

    Raises:
        ConfigError: No family has this name.
    """
    return registry.get("family", name)()
