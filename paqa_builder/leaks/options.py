"""Settings of leaks and doubles."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

STRICT = ("recording", "dialogue")


class LeakOptions(BaseModel):
    """Settings of leaks and doubles: section ``leaks`` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: Literal["report", "drop", "move"] = Field(
        default="report",
        description="What to do with groups of strict kinds that are in several splits: only report them, "
        "drop their clips from all but the first of test, validation and train, or move all of them there.",
    )
    strict: tuple[str, ...] = Field(
        default=STRICT, description="Kinds of groups that must not be in several splits; others are reported."
    )
    duplicates: Literal["report", "drop", "group", "off"] = Field(
        default="report",
        description="What to do with clips of the same recording, found by fingerprint: report them, keep "
        "one, put all into one split, or do not look for them.",
    )

    @field_validator("strict", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A variable of the environment holds a list as text: ``recording,speaker``."""
        if not isinstance(value, str):
            return value
        parts = (
            part.strip(" \t'\"") for part in value.strip().removeprefix("[").removesuffix("]").split(",")
        )
        return tuple(part for part in parts if part)
