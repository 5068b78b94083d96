"""PANNs' network with random weights: shapes, times, batches. Its accuracy is not tested here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.production import needs

from paqa_builder.audio import Audio
from paqa_builder.errors import NotReadyError
from paqa_builder.labels import audioset
from paqa_builder.perception.backends.tag import panns
from paqa_builder.perception.backends.tag.panns import MARGIN, SEGMENT, WINDOW, Panns
from paqa_builder.testing import check_backend, hear, murmur
from paqa_builder.weights.table import TABLE

pytestmark = [pytest.mark.models, needs("torch", "panns_inference")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights in the form in which the authors publish theirs (330 MB)."""
    import torch

    path = tmp_path_factory.mktemp("panns") / "random.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = panns.import_panns().models.Cnn14_DecisionLevelMax(32000, 1024, 320, 64, 50, 14000, 527)
        torch.nn.init.normal_(network.fc_audioset.weight, std=0.2)
    torch.save({"iteration": 1, "model": network.state_dict()}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def backend(checkpoint: Path) -> Panns:
    made = Panns(Panns.Options(model=str(checkpoint), device="cpu"))
    made.load()
    return made


def test_backend_contract(checkpoint: Path) -> None:
    check_backend(Panns, Panns.Options(model=str(checkpoint), device="cpu"))


def test_the_labels_are_audiosets_527_in_the_networks_order() -> None:
    assert panns.import_panns().labels == list(panns.labels())
    assert len(panns.labels()) == 527
    assert panns.labels()[:2] == ("Speech", "Male speech, man speaking")
    assert set(panns.labels()) <= set(audioset.labels())


def test_the_import_downloads_nothing_and_writes_nothing_to_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import os; os.system = lambda command: exit(f'would run: {command}')\n"
        "from paqa_builder.perception.backends.tag.panns import import_panns\n"
        "assert len(import_panns().labels) == 527\n"
        "assert os.environ['HOME'] == os.path.expanduser('~')\n"
    )
    environment = os.environ | {"HOME": str(home), "PAQA_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not (home / "panns_data").exists()


def test_scores_change_where_the_sound_is(backend: Panns) -> None:
    """Ten seconds, a burst from 6.0 to 7.0: the network's time axis is the clip's."""
    rate = Panns.sample_rate
    quiet = np.zeros(10 * rate, np.float32)
    burst = quiet.copy()
    burst[6 * rate : 7 * rate] = 0.3 * np.random.default_rng(0).standard_normal(rate)
    (without,), (with_burst,) = (backend._predict([panns.cut(samples, 0)]) for samples in (quiet, burst))
    change = np.abs(with_burst - without).mean(axis=1)
    assert change.shape == (WINDOW,)
    middles = (np.arange(WINDOW) + 0.5) * SEGMENT
    assert 6.0 - SEGMENT <= middles[change.argmax()] <= 7.0 + SEGMENT
    # 253 frames are seen by a segment's last convolution, three segments by its pooling.
    reach = 253 / 2 * 0.01 + 1.5 * SEGMENT
    outside = (middles < 6.0 - reach - SEGMENT) | (middles > 7.0 + reach + SEGMENT)
    assert outside.sum() > 5
    assert change[outside].max() < 0.02 * change.max()


def test_windows_of_a_long_clip_have_enough_context(backend: Panns) -> None:
    """Inner segments of the second window equal those of a window centred on them."""
    audio = murmur(26.0, rate=Panns.sample_rate)
    count = panns.segments(len(audio.samples))
    starts = panns.window_starts(len(audio.samples))
    assert starts[0] == 0
    assert starts[-1] + WINDOW >= count > starts[-1] + MARGIN
    parts = [(at, backend._predict([panns.cut(audio.samples, at)])[0]) for at in starts]
    whole = panns.stitch(parts, count)
    assert whole.shape == (count, 527)
    assert whole.max(axis=1).min() > 0
    shifted = backend._predict([panns.cut(audio.samples, 12)])[0]
    inner = slice(MARGIN, WINDOW - MARGIN)
    difference = np.abs(shifted[inner] - whole[12:][inner]).mean()
    assert difference < 0.1 * np.abs(shifted[inner] - shifted[inner].mean(axis=0)).mean()


def test_a_gpus_fixed_batches_give_the_same_as_single_windows(backend: Panns) -> None:
    clips = [hear(murmur(seconds, seed=n), Panns.sample_rate) for n, seconds in enumerate((3.0, 12.0, 0.5))]
    alone = backend.run(clips)
    before = backend._batches.size
    try:
        backend._batches.size = 3
        together = backend.run(clips)
    finally:
        backend._batches.size = before
    for one, other in zip(alone, together, strict=True):
        assert [(s.start, s.end, s.name) for s in one] == [(s.start, s.end, s.name) for s in other]
        assert np.allclose([s.score for s in one], [s.score for s in other], atol=1e-5)


def test_half_precision_is_similar(backend: Panns, checkpoint: Path) -> None:
    half = Panns(Panns.Options(model=str(checkpoint), device="cpu", precision="bfloat16"))
    half.load()
    window = [panns.cut(murmur(10.0, rate=Panns.sample_rate).samples, 0)]
    assert np.abs(half._predict(window) - backend._predict(window)).mean() < 0.03


def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    with pytest.raises(NotReadyError) as error:
        Panns(Panns.Options(device="cpu")).load()
    assert error.value.fix == "paqa fetch panns-cnn14"
    assert TABLE["panns-cnn14"].license == "CC-BY-4.0"
    (tmp_path / "wrong.pth").write_bytes(b"no checkpoint")
    with pytest.raises(NotReadyError, match=r"wrong\.pth"):
        Panns(Panns.Options(model=str(tmp_path / "wrong.pth"), device="cpu")).load()


def test_silence_and_an_empty_batch(backend: Panns) -> None:
    silence = hear(Audio(np.zeros(16_000, np.float32), 16_000), Panns.sample_rate)
    assert backend.run([silence]) == [[]]
    assert backend.run([]) == []
