"""Chooses the executor that a configuration names."""

from __future__ import annotations

from paqa_builder.config import Config, validate_options
from paqa_builder.config.resources import RayOptions, Resources
from paqa_builder.runtime.device import workers
from paqa_builder.runtime.executor import Executor, Inline, Processes


def executor_for(config: Config, *, on_gpu: bool = False, resources: Resources | None = None) -> Executor:
    """Selects the executor that a configuration names.

    Args:
        on_gpu: Whether the tasks can use a GPU; then there is one worker per GPU, if there are any.
        resources: What a worker needs, for executors that place workers on machines.
    """
    if config.executor == "inline":
        return Inline()
    if config.executor == "ray":
        from paqa_builder.runtime.ray_executor import Ray

        options = validate_options(RayOptions, config.ray, "ray")
        on_gpu = on_gpu and config.device != "cpu"
        return Ray(
            options, resources or Resources(), on_gpu=on_gpu, workers=config.jobs, folder=config.work_folder
        )
    gpus = workers(config.device or "auto") if on_gpu and config.jobs is None else None
    return Processes(gpus or config.workers)
