"""The gate's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.gate.solver import CAP


class GateOptions(BaseModel):
    """The gate's settings, ``gate`` in the configuration. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Literal["rebalance", "refuse", "warn", "off"] = Field(
        default="rebalance",
        description="What beats the gate is thinned out and, if it still does, refused; refused at once; "
        "only reported; or nothing is judged.",
    )
    margin: float = Field(
        default=0.02, ge=0, le=1, description="All questions: how far above chance a blind reader may be."
    )
    template_margin: float = Field(default=0.05, ge=0, le=1, description="The same for one template.")
    min_questions: int = Field(
        default=100, ge=20, description="With fewer questions in all, nothing is judged."
    )
    min_template: int = Field(
        default=40, ge=10, description="A template with fewer questions is judged only with the others."
    )
    weak_margin: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Weak: a blind reader's probability for the answer is this far above chance.",
    )
    cap: int = Field(
        default=CAP, ge=100, description="Questions that the solver learns from, at most; it judges all."
    )
