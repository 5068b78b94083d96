"""pyannote.audio's own pipeline around the segmentation-3.0 file and CAM++, both out of a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers.production import needs

from paqa_builder.audio import Audio, read
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.diarize.pyannote_audio import Pyannote
from paqa_builder.runtime import compat
from paqa_builder.testing import check_backend, hear
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE

pytestmark = [
    pytest.mark.models,
    needs("torch", "torchaudio", "pyannote.audio"),
    pytest.mark.skipif(bool(store.missing()), reason="models are not installed: paqa fetch embedded"),
]


def sample_folder() -> Path:
    found = find_spec("pyannote.audio")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "sample"


@pytest.fixture(scope="module")
def sample() -> Audio:
    """Two people for 30 s, with overlap."""
    return read(sample_folder() / "sample.wav")[0]


@pytest.fixture(scope="module")
def backend() -> Pyannote:
    made = Pyannote(Pyannote.Options(device="cpu"))
    made.load()
    return made


def error_rate(backend: Pyannote, audio: Audio, rttm: Path) -> float:
    """DER without collar, overlap scored."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth, heard = Annotation(), Annotation()
    for number, line in enumerate(rttm.read_text().splitlines()):
        fields = line.split()
        start = float(fields[3])
        truth[Segment(start, start + float(fields[4])), number] = fields[7]
    for number, span in enumerate(backend.diarize(hear(audio, 16_000))):
        heard[Segment(span.start, span.end), number] = span.name
    return DiarizationErrorRate()(truth, heard, uem=Timeline([Segment(0, audio.duration)]))


def test_backend_contract(sample: Audio) -> None:
    clip = Audio(sample.samples[: 12 * sample.rate], sample.rate)
    check_backend(Pyannote, Pyannote.Options(device="cpu"), clips=(clip,))


def test_both_speakers_of_the_sample_are_found(backend: Pyannote, sample: Audio) -> None:
    spans = backend.diarize(hear(sample, 16_000))
    assert len({span.name for span in spans}) == 2
    assert error_rate(backend, sample, sample_folder() / "sample.rttm") < 0.15
    assert any(a.end > b.start and a.name != b.name for a, b in pairwise(spans)), "no overlap"
    assert min(span.score for span in spans) > 0.2
    assert len({span.score for span in spans}) > 2


def test_the_embedding_equals_that_of_the_embedded_diarizer(sample: Audio) -> None:
    """Features by torchaudio and features by numpy lead to the same voice."""
    import torch

    compat.torchaudio()
    from paqa_builder.perception.backends.diarize import _campplus
    from paqa_builder.perception.backends.diarize._networks import drive, on_cpu
    from paqa_builder.perception.backends.diarize._pyannote_embedding import CamPlusPlusEmbedding

    samples = sample.samples[7 * 16_000 : 10 * 16_000]
    ours = {_campplus.NAME: on_cpu(_campplus.onnx_file())}
    ((expected,),) = drive([_campplus.embed([_campplus.Features()(samples)])], ours)
    network = CamPlusPlusEmbedding().eval()
    with torch.inference_mode():
        waveform = torch.from_numpy(samples)[None, None]
        whole = network(waveform)[0].numpy()
        half = network(waveform, weights=torch.tensor([[1.0] * 50 + [0.0] * 50]))[0].numpy()
        alone = network(waveform[..., : len(samples) // 2])[0].numpy()
        none = network(waveform, weights=torch.zeros(1, 100))[0]
    assert float(whole @ expected) > 0.999
    assert float(half @ alone) > 0.99
    assert bool(none.isnan().all())


def test_options_reach_the_pipeline(sample: Audio) -> None:
    one = Pyannote(Pyannote.Options(device="cpu", max_speakers=1, step=0.25))
    one.load()
    assert len({span.name for span in one.diarize(hear(sample, 16_000))}) == 1
    assert one._pipeline._segmentation.step == 2.5


def lay_out(folder: Path, backend: Pyannote, config: dict[str, Any]) -> Path:
    """A pipeline's folder as ``paqa fetch`` leaves it: its configuration, and both models beside it."""
    import torch

    (folder / "segmentation").mkdir()
    (folder / "embedding").mkdir()
    source = store.locate("segmentation-3.0")["checkpoint"]
    (folder / "segmentation" / "pytorch_model.bin").write_bytes(source.read_bytes())
    embedding = backend._pipeline._embedding.model_
    checkpoint: dict[str, Any] = {
        "state_dict": embedding.state_dict(),
        "hyper_parameters": dict(embedding.hparams),
        "pytorch-lightning_version": "2.0.0",
    }
    embedding.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "embedding" / "pytorch_model.bin")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_a_folder_like_that_of_3_1_needs_no_hub(tmp_path: Path, backend: Pyannote, sample: Audio) -> None:
    """Its configuration names its models by their names on the Hub."""
    config = {
        "version": "3.1.0",
        "pipeline": {
            "name": "pyannote.audio.pipelines.SpeakerDiarization",
            "params": {
                "clustering": "AgglomerativeClustering",
                "embedding": "pyannote/wespeaker-voxceleb-resnet34-LM",
                "embedding_exclude_overlap": True,
                "segmentation": "pyannote/segmentation-3.0",
            },
        },
        "params": {
            "clustering": {"method": "centroid", "min_cluster_size": 12, "threshold": 0.68},
            "segmentation": {"min_duration_off": 0.0},
        },
    }
    folder = lay_out(tmp_path, backend, config)
    other = Pyannote(Pyannote.Options(device="cpu", model=str(folder)))
    other.load()
    assert other.diarize(hear(sample, 16_000)) == backend.diarize(hear(sample, 16_000))


def test_a_folder_like_that_of_community_1_needs_no_hub(
    tmp_path: Path, backend: Pyannote, sample: Audio
) -> None:
    """Clustered by VBx, with a PLDA made on the spot: that it runs, not how well."""
    config = {
        "pipeline": {
            "name": "pyannote.audio.pipelines.SpeakerDiarization",
            "params": {
                "clustering": "VBxClustering",
                "segmentation": "$model/segmentation",
                "embedding": "$model/embedding",
                "plda": "$model/plda",
            },
        },
        "params": {
            "clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
            "segmentation": {"min_duration_off": 0.0},
        },
    }
    folder = lay_out(tmp_path, backend, config)
    (folder / "plda").mkdir()
    size = 192
    np.savez(
        folder / "plda" / "xvec_transform.npz",
        mean1=np.zeros(size),
        mean2=np.zeros(128),
        lda=np.eye(size, 128),
    )
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.linspace(2, 0.1, 128))
    other = Pyannote(Pyannote.Options(device="cpu", model=str(folder), threshold=0.5, step=0.2))
    other.load()
    assert other._pipeline.parameters(instantiated=True)["clustering"] == {
        "threshold": 0.5,
        "Fa": 0.07,
        "Fb": 0.8,
    }
    spans = other.diarize(hear(sample, 16_000))
    assert spans
    assert all(0 <= span.score <= 1 for span in spans)


def test_the_segmentation_file_is_the_one_of_the_hub() -> None:
    import hashlib

    data = store.locate("segmentation-3.0")["checkpoint"].read_bytes()
    listed = TABLE["pyannote-3.1"].files["segmentation/pytorch_model.bin"]
    assert hashlib.sha256(data).hexdigest() == listed.sha256


def test_telemetry_is_off_in_any_environment() -> None:
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise SystemExit('opened a connection')\n"
        "socket.create_connection = socket.socket.connect = refuse\n"
        "from paqa_builder.perception.backends.diarize.pyannote_audio import Pyannote\n"
        "from paqa_builder.testing import hear, murmur\n"
        "backend = Pyannote(Pyannote.Options(device='cpu')); backend.load()\n"
        "from pyannote.audio.telemetry.metrics import is_metrics_enabled, tracer\n"
        "spans = []; tracer.start_as_current_span = lambda name: spans.append(name)\n"
        "backend.diarize(hear(murmur(1.0), 16_000))\n"
        "assert not is_metrics_enabled() and spans == []\n"
    )
    environment = os.environ | {"PYANNOTE_METRICS_ENABLED": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_pipeline_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path))
    with pytest.raises(NotReadyError) as error:
        Pyannote(Pyannote.Options(device="cpu", model="community-1")).load()
    assert error.value.fix == "paqa fetch pyannote-community-1"
    with pytest.raises(NotReadyError, match=r"config\.yaml"):
        Pyannote(Pyannote.Options(device="cpu", model=str(tmp_path))).load()


def test_noise_has_no_speakers(backend: Pyannote) -> None:
    noise = Audio(0.05 * np.random.default_rng(0).standard_normal(48_000).astype(np.float32), 16_000)
    assert backend.diarize(hear(noise, 16_000)) == []
