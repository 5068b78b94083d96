"""What a worker of a stage needs, for executors that place workers on machines."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Resources(BaseModel):
    """CPUs, GPUs and memory that one worker reserves. They decide where it runs, never its results."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: float = Field(default=1.0, ge=0, description="CPUs of one worker.")
    gpus: float | None = Field(
        default=None,
        ge=0,
        description="GPUs of one worker; 0.5 lets two workers share one. By default 1 for a backend that can "
        "use a GPU, where there are GPUs.",
    )
    memory_gb: float | None = Field(default=None, gt=0, description="Memory of one worker, in GB.")

    @field_validator("cpus", "gpus")
    @classmethod
    def _whole_above_one(cls, value: float | None) -> float | None:
        if value is not None and value > 1 and value != int(value):
            raise ValueError("above 1 it must be a whole number")
        return value


class RayOptions(BaseModel):
    """Options of the executor ``ray``."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(
        default="auto",
        description="HOST:PORT of a Ray cluster; auto for the one that this machine belongs to; local to "
        "start one on this machine.",
    )
    wait_seconds: float = Field(
        default=60.0, gt=0, description="Seconds to wait for a node with the resources of a worker."
    )
