"""The specification: invalid values, and errors that name their key."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder.errors import ConfigError
from paqa_builder.mix.spec import load_spec, make_spec, ready_made


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"speach": {}}, "speach: unknown key"),
        ({"speech": {"speaker": {1: 1}}}, "speech.speaker: unknown key"),
        ({"duration": {"min": 9, "max": 8}}, "duration: min 9 is above max 8"),
        ({"duration": {"min": 0, "max": 8}}, "duration: min must be above 0"),
        ({"speech": {"speakers": {1: 0}}}, "speech.speakers: shares"),
        ({"events": {"kinds": {3: 1}, "occurrences": {2: 1, 3: 1}}}, "events: occurrences may be 2, kinds 3"),
        ({"floor": {"min": 40, "max": 70}}, "round to silence"),
        ({"splits": {"dev": 1}}, "splits.dev"),
        ({"rate": 4000}, "rate: "),
    ],
)
def test_errors_name_their_key(data: dict, names: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s).*") as caught:
        make_spec(data)
    assert names in str(caught.value)


def test_specifications_of_the_package_are_valid_and_flags_override(tmp_path: Path) -> None:
    assert {"conversation", "crowd"} <= set(ready_made())
    for name in ready_made():
        assert load_spec(name).name == name
    assert load_spec("crowd", {"seed": 7, "scenes": None}).seed == 7
    with pytest.raises(ConfigError, match="conversation, crowd"):
        load_spec("converzation")
    broken = tmp_path / "a.yaml"
    broken.write_text("speech: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        load_spec(broken)


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/mix.md").read_text(encoding="utf-8")

    def keys(model: type, prefix: str = "") -> list[str]:
        found = []
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            inner = [t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if _is_part(t)]
            found += keys(inner[0], f"{prefix}{name}.") if inner else [prefix + name]
        return found

    from paqa_builder.mix.spec import Spec

    missing = [key for key in keys(Spec) if f"`{key}`" not in page]
    assert not missing


def _is_part(kind: object) -> bool:
    from pydantic import BaseModel

    from paqa_builder.mix.spec import Range

    return isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not Range
