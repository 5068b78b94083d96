"""Batches, export and grid of the embedded diarizer, with stand-ins for its networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.diarize import _export, _segmentation
from paqa_builder.perception.backends.diarize._grid import Grid
from paqa_builder.perception.backends.diarize._networks import Network, Request, Steps, drive
from paqa_builder.runtime.device import Batches


class Counted:
    """Sums every input, and keeps the sizes of its batches."""

    def __init__(self, batches: Batches | None = None) -> None:
        self.sizes: list[int] = []
        self.networks = {"sum": Network(self._run, batches)}

    def _run(self, batch: np.ndarray) -> np.ndarray:
        self.sizes.append(len(batch))
        return batch.reshape(len(batch), -1).sum(axis=1, keepdims=True)


def sums(rows: Sequence[np.ndarray], shared: bool = True, again: bool = False) -> Steps[list[float]]:
    values = yield Request("sum", rows, shared)
    if again:
        values = yield Request("sum", list(values), shared)
    return values[:, 0].tolist()


def ones(count: int, size: int) -> list[np.ndarray]:
    return [np.full(size, n + 1, np.float32) for n in range(count)]


def test_clips_run_one_after_another_on_the_cpu() -> None:
    counted = Counted()
    assert drive([sums(ones(2, 3)), sums(ones(3, 2), again=True)], counted.networks) == [[3, 6], [2, 4, 6]]
    assert counted.sizes == [2, 3, 3]


def test_a_gpus_clips_share_batches_of_one_size() -> None:
    counted = Counted(Batches("sum", 1.0, 4.0, "cuda"))
    clips = [sums(ones(3, 2), again=True), sums(ones(3, 2)), sums(ones(2, 5), shared=False)]
    assert drive(clips, counted.networks, together=True) == [[2, 4, 6], [2, 4, 6], [5, 10]]
    # Two batches of four for six inputs, one of an own shape, then one for the second request
    assert counted.sizes == [4, 4, 2, 4]


def test_a_clip_without_requests_has_its_result() -> None:
    def silent() -> Steps[list[float]]:
        return []
        yield

    assert drive([silent(), sums(ones(1, 1))], Counted().networks, together=True) == [[], [1]]
    assert drive([], Counted().networks, together=True) == []


def segmented(length: int, signals: int) -> tuple[list[_segmentation.Windows], list[int]]:
    """Windows of a network that returns the logarithm of the first sample, and the sizes of its batches."""
    sizes = []

    def run(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return np.log(batch[:, 0, :1, None] + np.zeros((1, 3, 7), np.float32))

    parts = [np.arange(1, length + 1, dtype=np.float32) * (n + 1) for n in range(signals)]
    networks = {_segmentation.NAME: Network(run)}
    return drive([_segmentation.windows(parts, 1.0)], networks)[0], sizes


def test_signals_of_a_clip_share_batches_of_windows() -> None:
    (mixture, speech), sizes = segmented(12 * 16_000 + 5, 2)
    assert sizes == [8]
    assert mixture[0] == pytest.approx([0, 1, 2, 2 + 5 / 16_000])
    assert np.allclose(mixture[1][:, 0, 0], np.array([0, 16_000, 32_000, 32_005]) + 1)
    assert np.allclose(speech[1], 2 * mixture[1])


def test_a_short_clip_has_one_window() -> None:
    ((starts, posteriors),), sizes = segmented(100, 1)
    assert (starts.tolist(), posteriors.shape, sizes) == ([0.0], (1, 3, 7), [1])


def frames_of(seconds: float) -> int:
    return _segmentation.frame_count(seconds)


def grid(seconds: float, *spoken: tuple[float, float]) -> Grid:
    """A grid of 0.25 s over a clip with speech at the given times."""
    speaking = np.zeros(frames_of(seconds), bool)
    for start, end in spoken:
        speaking[round(start / _segmentation.STEP) : round(end / _segmentation.STEP)] = True
    return Grid(np.zeros((round(seconds * 100), 80), np.float32), 0.25, speaking)


def test_only_excerpts_with_speech_are_embedded() -> None:
    assert len(grid(10, (0, 10)).begin) == 35
    assert len(grid(10, (0, 2)).begin) == 9
    assert 5 <= len(grid(10, (5, 5.2)).begin) <= 8


def test_speech_after_the_last_excerpt_keeps_it() -> None:
    assert len(grid(3.2, (3.1, 3.2)).begin) == 1


def test_a_coarse_grid_has_both_ends_of_each_run() -> None:
    sparse = grid(20, (0, 5), (12, 20))
    coarse = sparse.coarse(1.5)
    runs = np.flatnonzero(np.diff(sparse.begin) > 30)
    assert {0, *runs, *(runs + 1), len(sparse.begin) - 1} <= set(coarse.tolist())
    assert len(coarse) < len(sparse.begin) / 3
    assert sparse.coarse(0.25).tolist() == list(range(len(sparse.begin)))


def test_vectors_are_requested_once() -> None:
    given, asked = grid(10, (0, 10)), []

    def run(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return np.ones((len(batch), 192), np.float32)

    networks = {"campplus": Network(run)}
    coarse = given.coarse(1.5)
    drive([given.embed(coarse)], networks)
    assert sum(asked) == len(coarse) == given.known.sum()
    drive([given.embed(np.arange(35))], networks)
    assert sum(asked) == 35
    assert np.allclose(np.linalg.norm(given.vectors, axis=1), 1)


@pytest.mark.parametrize(("similar", "requested"), [(0.9, 20), (2.0, 35), (0.0, 18)])
def test_vectors_between_similar_ones_are_interpolated(similar: float, requested: int) -> None:
    """Excerpts 7 to 12 of 35 are 45 degrees from the others; 7 and 13 are between unlike ones."""
    given, asked = grid(10, (0, 10)), []

    def run(batch: np.ndarray) -> np.ndarray:
        vectors = np.zeros((len(batch), 192), np.float32)
        vectors[:, 0] = 1
        vectors[:, 1] = [float(row.max() > 0) for row in batch]
        asked.append(len(batch))
        return vectors

    given._features = np.zeros_like(given._features)
    given._features[12 * 25 + 140 : 12 * 25 + 145] = 1  # in the excerpts from 7 to 12
    drive([given.embed_all(similar)], {"campplus": Network(run)})
    assert sum(asked) == requested
    assert given.known.all()
    assert np.allclose(np.linalg.norm(given.vectors, axis=1), 1)


def test_excerpts_that_share_little_are_never_interpolated() -> None:
    given, asked = Grid(np.zeros((1000, 80), np.float32), 0.75, np.ones(frames_of(10), bool)), []

    def run(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return np.ones((len(batch), 192), np.float32)

    drive([given.embed_all(0.0)], {"campplus": Network(run)})
    assert sum(asked) == len(given.begin) == 12


def test_frames_between_excerpts_have_the_value_before() -> None:
    sparse = grid(20, (0, 2), (12, 20))
    values = sparse.spread(np.arange(len(sparse.begin), dtype=float)[:, None], frames_of(20))
    gap = values[round(5 / _segmentation.STEP) : round(9 / _segmentation.STEP), 0]
    assert (gap == gap[0]).all()
    assert gap[0] == np.flatnonzero(np.diff(sparse.begin) > 30)[0]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of models; every model counts as installed."""
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    monkeypatch.setattr(_export.store, "locate", lambda name: {})
    return tmp_path


def doubling(calls: list[int]) -> Callable[[Any], Any]:
    def network(torch: Any) -> Any:
        calls.append(1)

        class Double(torch.nn.Module):  # type: ignore[misc, name-defined]
            def forward(self, signal: Any) -> Any:
                return 2 * signal

        return Double().eval()

    return network


def test_an_export_is_made_once_and_again_where_it_is_damaged(cache: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from paqa_builder.perception.backends.diarize._networks import on_cpu

    calls: list[int] = []
    axes = {_export.INPUT: {0: "batch"}, _export.OUTPUT: {0: "batch"}}
    first = _export.exported("campplus", doubling(calls), (2, 3), axes)
    content = first.read_bytes()
    assert _export.exported("campplus", doubling(calls), (2, 3), axes) == first
    assert len(calls) == 1
    assert on_cpu(first)([np.ones(3, np.float32)] * 4).tolist() == [[2, 2, 2]] * 4
    for damage in (lambda: first.write_bytes(content[:-9]), lambda: _export._checksum(first).unlink()):
        damage()
        _export.exported("campplus", doubling(calls), (2, 3), axes)
        assert first.read_bytes() == content
    assert len(calls) == 3
    assert not list(cache.rglob("*.tmp"))


def test_an_export_needs_a_writable_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "file"))
    with pytest.raises(NotReadyError, match="not writable") as caught:
        _export.exported("campplus", doubling([]), (2, 3), {})
    assert "PAQA_CACHE" in str(caught.value.fix)


def test_a_lock_that_is_held_is_an_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(_export, "_WAIT", 0.05)
    place = _export.store.home(_export.TABLE["campplus"])
    place.mkdir(parents=True)
    with FileLock(place / "network-1.lock", is_singleton=False), pytest.raises(NotReadyError, match="held"):
        _export.exported("campplus", doubling([]), (2, 3), {})
