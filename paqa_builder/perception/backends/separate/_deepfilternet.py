"""DeepFilterNet3 over whole clips: features, networks and filters, block by block.

The same computation as libDF, the streaming implementation of the authors: frames of 20 ms every 10 ms, ERB
gains over the whole band, complex filters of five frames below 4.8 kHz, two frames of look-ahead. The
networks are the ONNX files of the authors. Their recurrent and convolutional states become inputs and
outputs, so that a signal can be cut into blocks at any frame.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from paqa_builder.errors import NotReadyError
from paqa_builder.runtime.compat import importing
from paqa_builder.runtime.threads import onnx_session

RATE = 48_000
HOP = 480
"""Samples between frames; a frame has twice as many."""
DELAY = 3
"""Hops by which the output of :class:`Stream` is late: two frames of look-ahead, one of overlap."""
_BINS, _BANDS, _FILTERED, _ORDER, _AHEAD = HOP + 1, 32, 96, 5, 2
"""Bins of a frame, ERB bands, bins with complex filters, frames of a filter, and those of them after the
filtered frame."""
_MEMORY = 0.99
"""Weight of the past in the running means that normalise the features."""
_HISTORY = {"feat_erb": 2, "feat_spec": 2, "c0": 4}
"""Padded tensors of the networks, and the frames of each that a convolution needs from before."""


def erb_widths() -> np.ndarray:
    """Bins in each of the 32 ERB bands, at least two; they sum to 481. From ``erb_fb`` of libDF."""
    top = 9.265 * np.log1p(RATE / 2 / (24.7 * 9.265))
    edges = 24.7 * 9.265 * np.expm1(np.arange(1, _BANDS + 1) * top / _BANDS / 9.265)
    widths: list[int] = []
    last = surplus = 0
    for edge in (round(float(edge) / (RATE / (2 * HOP))) for edge in edges):
        width = edge - last - surplus
        widths.append(max(2, width))
        surplus = max(0, 2 - width)
        last = edge
    widths[-1] += _BINS - sum(widths)
    return np.array(widths)


class Networks:
    """Encoder and both decoders with their states.

    Args:
        archive: ``DeepFilterNet3_onnx.tar.gz``.

    Raises:
        NotReadyError: The file is not such an archive, or a package is missing.
    """

    def __init__(self, archive: Path) -> None:
        try:
            with tarfile.open(archive) as tar:
                files = {
                    Path(member.name).stem: stream.read()
                    for member in tar
                    if member.name.endswith(".onnx") and (stream := tar.extractfile(member))
                }
            self._sessions = {name: onnx_session(_stateful(files[name])) for name in _OUTPUTS}
        except (OSError, tarfile.TarError, KeyError) as error:
            raise NotReadyError(
                f"{archive}: not an archive of DeepFilterNet3 ({error})", fix="paqa fetch embedded"
            ) from error
        self._names = {
            name: [output.name for output in session.get_outputs() if output.name.endswith(_NEXT)]
            for name, session in self._sessions.items()
        }

    def start(self) -> dict[str, np.ndarray]:
        """The states before the first frame: zeros."""
        inputs = (item for session in self._sessions.values() for item in session.get_inputs())
        return {
            item.name: np.zeros([size if isinstance(size, int) else 1 for size in item.shape], np.float32)
            for item in inputs
            if item.name.endswith(_STATE)
        }

    def run(
        self, erb: np.ndarray, spectrum: np.ndarray, states: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Runs the networks on the next frames and updates the states.

        Args:
            erb: Normalised band levels, ``float32 [frames, 32]``.
            spectrum: Normalised bins, real and imaginary part, ``float32 [2, frames, 96]``.

        Returns:
            Gains ``[frames, 32]`` and filters ``complex64 [frames, 96, 5]``. Those at a frame are for the
            frame two before it.
        """
        tensors: dict[str, np.ndarray] = {"feat_erb": erb[None, None], "feat_spec": spectrum[None]}
        for name, session in self._sessions.items():
            wanted = [*_OUTPUTS[name], *self._names[name]]
            known: Mapping[str, np.ndarray] = {**tensors, **states}
            given = {item.name: known[item.name] for item in session.get_inputs()}
            tensors |= zip(wanted, session.run(wanted, given), strict=True)
        for name in states:
            source = name.removesuffix(_STATE)
            if source in _HISTORY:
                joined = np.concatenate([states[name], tensors[source]], axis=2)
                states[name] = joined[:, :, -_HISTORY[source] :]
            else:
                states[name] = tensors[source + _NEXT]
        pairs = tensors["coefs"].reshape(-1, _FILTERED, _ORDER, 2)
        return tensors["m"][0, 0], np.ascontiguousarray(pairs).view(np.complex64)[..., 0]


_OUTPUTS = {
    "enc": ("e0", "e1", "e2", "e3", "emb", "c0"),
    "erb_dec": ("m",),
    "df_dec": ("coefs",),
}
_STATE, _NEXT = ":before", ":after"


def _stateful(data: bytes) -> bytes:
    """An exported network whose states are inputs and outputs.

    The zeros that a ``Pad`` puts before the first frame become an input, and so do the initial states of the
    recurrent layers, whose last states become outputs.
    """
    with importing("onnx", "cpu"):
        import onnx
        from onnx import TensorProto, helper
    model = onnx.load_model_from_string(data)
    graph = model.graph
    prefix = graph.output[0].name
    recurrent = 0
    for node in graph.node:
        if node.op_type == "Pad":
            source = node.input[0]
            (given,) = (item.type.tensor_type for item in graph.input if item.name == source)
            shape = [size.dim_value for size in given.shape.dim]
            shape[2] = _HISTORY[source]
            state = source + _STATE
            node.CopyFrom(helper.make_node("Concat", [state, source], list(node.output), axis=2))
        elif node.op_type == "GRU":
            (size,) = (item.i for item in node.attribute if item.name == "hidden_size")
            shape = [1, 1, size]
            state = f"{prefix}.{recurrent}{_STATE}"
            node.input[5] = state
            node.output[1] = f"{prefix}.{recurrent}{_NEXT}"
            graph.output.append(helper.make_tensor_value_info(node.output[1], TensorProto.FLOAT, shape))
            recurrent += 1
        else:
            continue
        graph.input.append(helper.make_tensor_value_info(state, TensorProto.FLOAT, shape))
    return model.SerializeToString()


class Stream:
    """Enhances one signal, block by block.

    Args:
        networks: The networks; they keep no state.
        noise: Share of the noisy signal in the output, 0 to 1.
        post_filter: Strength of the post filter; 0: none.
    """

    def __init__(self, networks: Networks, *, noise: float = 0.0, post_filter: float = 0.0) -> None:
        self._networks = networks
        self._noise, self._post_filter = np.float32(noise), post_filter
        self._states = networks.start()
        self._widths = erb_widths()
        self._starts = np.cumsum(self._widths) - self._widths
        self._band = np.repeat(np.arange(_BANDS), self._widths)
        phase = np.sin(np.pi / 2 * (np.arange(2 * HOP) + 0.5) / HOP)
        self._window = np.sin(np.pi / 2 * phase**2).astype(np.float32)
        self._level = np.linspace(-60, -90, _BANDS)
        self._magnitude = np.linspace(0.001, 0.0001, _FILTERED)
        self._last = np.zeros((1, HOP), np.float32)
        self._spectra = np.zeros((_ORDER - 1, _BINS), np.complex64)
        self._overlap = np.zeros((1, HOP), np.float32)

    def push(self, hops: np.ndarray) -> np.ndarray:
        """Enhances the next hops, ``float32 [n, 480]``.

        Returns:
            As many hops of the enhanced signal, late by :data:`DELAY`.
        """
        from scipy.fft import irfft, rfft

        joined = np.concatenate([self._last, hops])
        self._last = joined[-1:]
        frames = np.concatenate([joined[:-1], joined[1:]], axis=1) * self._window
        new = rfft(frames, axis=1) / np.float32(2 * HOP)
        gains, filters = self._networks.run(*self._features(new), self._states)
        spectra = np.concatenate([self._spectra, new])
        self._spectra = spectra[-(_ORDER - 1) :]
        noisy = spectra[_AHEAD : _AHEAD + len(hops)]
        clean = noisy * gains[:, self._band]
        clean[:, :_FILTERED] = sum(
            spectra[tap : tap + len(hops), :_FILTERED] * filters[:, :, tap] for tap in range(_ORDER)
        )
        if self._post_filter:
            clean *= self._post_gain(noisy, clean)
        if self._noise:
            clean += self._noise * (noisy - clean)
        frames = irfft(clean * np.float32(2 * HOP), 2 * HOP, axis=1) * self._window
        late = np.concatenate([self._overlap, frames[:, HOP:]])
        self._overlap = late[-1:]
        return frames[:, :HOP] + late[:-1]

    def _features(self, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Band levels in dB less their running mean, and bins over the root of their running magnitude."""
        power = spectra.real**2 + spectra.imag**2
        bands = np.add.reduceat(power, self._starts, axis=1) / self._widths
        levels = 10 * np.log10(bands + 1e-10)
        means, self._level = _running_mean(levels, self._level)
        low = spectra[:, :_FILTERED]
        magnitudes, self._magnitude = _running_mean(np.abs(low), self._magnitude)
        low = low / np.sqrt(magnitudes)
        return ((levels - means) / 40).astype(np.float32), np.stack([low.real, low.imag]).astype(np.float32)

    def _post_gain(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Gain that lowers bins with much noise further (Valin et al., 2020)."""
        gain = np.clip(np.abs(clean) / (np.abs(noisy) + 1e-12), 1e-12, 1)
        beta = self._post_filter
        return ((1 + beta) / (1 + beta / np.sin(gain * np.pi / 2) ** 2)).astype(np.float32)


def _running_mean(values: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponential means ``[n, m]`` of values over time, and the last one."""
    means = np.empty(values.shape)
    for at in range(0, len(values), len(_WEIGHTS)):
        part = values[at : at + len(_WEIGHTS)]
        means[at : at + len(part)] = _WEIGHTS[: len(part), : len(part)] @ part + _DECAY[: len(part)] * before
        before = means[at + len(part) - 1]
    return means, before


_DECAY = _MEMORY ** np.arange(1, 65)[:, None]
_WEIGHTS = np.tril((1 - _MEMORY) * _DECAY / _DECAY.T)
"""Weights of 64 values in each of their running means, and of the mean before them."""
