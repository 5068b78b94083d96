"""Runs the networks of the embedded diarizer: on the CPU through onnxruntime, on a GPU through torch.

A diarization is a generator that yields requests and receives their results. On the CPU, clips are
processed one after another, and every request is a batch of its own. On a GPU, inputs of several clips share
batches of one fixed size, so that the results of a clip do not depend on the other clips.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from paqa_builder.runtime import device
from paqa_builder.runtime.threads import onnx_session

T = TypeVar("T")
Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Request:
    """Inputs for a network.

    Attributes:
        network: Name of the network.
        inputs: Arrays of equal shape, one per result. They may be views.
        shared: Whether the inputs may be in one batch with those of other clips on a GPU. Inputs of a rare
            shape are a batch of their own.
    """

    network: str
    inputs: Sequence[np.ndarray]
    shared: bool = True


Steps = Generator[Request, np.ndarray, T]


@dataclass(frozen=True, slots=True)
class Network:
    """A network with its batches.

    Attributes:
        run: Maps a batch ``float32 [n, ...]`` to results ``float32 [n, ...]``.
        batches: Fixed batches on a GPU; None on the CPU, where results do not depend on the size of a batch.
    """

    run: Run
    batches: device.Batches | None = None

    def __call__(self, inputs: Sequence[np.ndarray], shared: bool = True) -> np.ndarray:
        """Results ``[n, ...]`` for arrays of equal shape."""
        if self.batches is None or not shared:
            return self.run(np.stack(inputs))
        return np.stack(self.batches.run(lambda batch: self.run(np.stack(batch)), inputs))


def on_cpu(file: Any) -> Network:
    """A network of an ONNX file with one input and one output.

    Raises:
        NotReadyError: onnxruntime is not installed.
    """
    session = onnx_session(file)
    name = session.get_inputs()[0].name
    return Network(lambda batch: session.run(None, {name: batch})[0])


def in_torch(torch: Any, module: Any, place: str, name: str, window: float, seconds: float) -> Network:
    """A torch module, with fixed batches on a GPU.

    Args:
        torch: The package.
        module: Maps a tensor to a tensor.
        place: Device as returned by :func:`paqa_builder.runtime.device.torch_on`.
        name: Name of the model, for messages.
        window: Seconds of audio in an input.
        seconds: Maximum seconds of audio in a batch.
    """
    module = module.to(place)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(batch).to(place)).float().cpu().numpy()

    return Network(run, device.Batches(name, window, seconds, place))


def drive(steps: Sequence[Steps[T]], networks: dict[str, Network], together: bool = False) -> list[T]:
    """Runs generators to their end and returns their results, in order.

    Args:
        steps: One generator per clip.
        networks: By name.
        together: Answers the requests of all clips together. Otherwise clips run one after another, which
            bounds memory by the longest clip.
    """
    if not together:
        return [result for step in steps for result in _round_by_round([step], networks)]
    return _round_by_round(steps, networks)


def _round_by_round(steps: Sequence[Steps[T]], networks: dict[str, Network]) -> list[T]:
    results: dict[int, T] = {}
    requests: dict[int, Request] = {}
    answers: dict[int, np.ndarray | None] = dict.fromkeys(range(len(steps)))
    while answers:
        requests.clear()
        for number, answer in answers.items():
            try:
                requests[number] = steps[number].send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                results[number] = end.value
        answers = {**_answers(requests, networks)}
    return [results[number] for number in range(len(steps))]


def _answers(requests: dict[int, Request], networks: dict[str, Network]) -> dict[int, np.ndarray]:
    """The results of each request, with one call per network and shape of inputs."""
    groups: dict[Any, list[int]] = {}
    for number, request in requests.items():
        alike = (request.network, request.inputs[0].shape) if request.shared else number
        groups.setdefault(alike, []).append(number)
    answers = {}
    for numbers in groups.values():
        first = requests[numbers[0]]
        inputs = [row for number in numbers for row in requests[number].inputs]
        rows = networks[first.network](inputs, first.shared)
        for number in numbers:
            answers[number], rows = np.split(rows, [len(requests[number].inputs)])
    return answers
