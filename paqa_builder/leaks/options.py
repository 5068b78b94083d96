"""Settings of leaks and doubles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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
