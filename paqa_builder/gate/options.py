"""Settings of the blind gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.gate.solver import CAP

Share = Annotated[float, Field(ge=0, le=1)]


class GateOptions(BaseModel):
    """Settings of the blind gate: section ``gate`` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Literal["rebalance", "refuse", "warn", "off"] = Field(
        default="rebalance",
        description="What to do with templates that beat the gate: subsample them and refuse those that "
        "still beat it, refuse them at once, only report them, or judge nothing.",
    )
    margin: Share = Field(default=0.02, description="Allowed blind accuracy above chance over all questions.")
    template_margin: Share = Field(
        default=0.05, description="Allowed blind accuracy above chance of one template."
    )
    min_questions: int = Field(default=100, ge=20, description="Smaller sets are not judged.")
    min_template: int = Field(
        default=40, ge=10, description="Templates with fewer questions are judged only as part of the set."
    )
    weak_margin: Share = Field(
        default=0.15, description="A question is weak from this blind probability above chance."
    )
    cap: int = Field(
        default=CAP, ge=100, description="Largest number of questions to train on; all are judged."
    )
