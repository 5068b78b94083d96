"""Models that a user brings once with ``paqa fetch NAME``: where they come from, and under which terms.

Nothing else downloads. :func:`folder` says where a fetched model lies, or how to bring it. Files come
from the Hugging Face Hub, or from a mirror of it that ``HF_ENDPOINT`` names, or from their makers' own
servers; :mod:`paqa_builder.weights.download` does the transfer.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.weights import embedded

HUB = "https://huggingface.co"
MANIFEST = "fetched.json"
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Remote:
    """One file of a model.

    Attributes:
        path: Where it lies in the model's folder.
        source: ``"owner/repository:path"`` on the Hub, or a whole URL.
        sha256: Its SHA-256, or the first digits of it, where known; else what the Hub says counts.
    """

    path: str
    source: str
    sha256: str = ""

    @property
    def on_hub(self) -> bool:
        return "://" not in self.source

    @property
    def url(self) -> str:
        if not self.on_hub:
            return self.source
        repository, _, path = self.source.partition(":")
        endpoint = os.environ.get("HF_ENDPOINT") or HUB
        return f"{endpoint.rstrip('/')}/{repository}/resolve/main/{quote(path)}"


@dataclass(frozen=True, slots=True)
class Fetchable:
    """One model.

    Attributes:
        serves: ``"stage: backend"`` that uses it.
        license: SPDX identifier of the weights.
        megabytes: About how much there is to download.
        gate: The pages on which its makers ask users to accept terms first, if they do.
    """

    name: str
    serves: str
    origin: str
    license: str
    megabytes: int
    files: tuple[Remote, ...]
    gate: tuple[str, ...] = ()


def _hub(repository: str, *paths: str) -> tuple[Remote, ...]:
    return tuple(Remote(path, f"{repository}:{path}") for path in paths)


_WHISPER_URL = "https://openaipublic.azureedge.net/main/whisper/models"
_WHISPER = {
    "tiny.en": (76, "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03"),
    "tiny": (76, "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9"),
    "base.en": (145, "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead"),
    "base": (145, "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e"),
    "small.en": (484, "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872"),
    "small": (484, "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794"),
    "medium.en": (1528, "d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f"),
    "medium": (1528, "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1"),
    "large-v2": (3087, "81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524"),
    "large-v3": (3087, "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb"),
    "large-v3-turbo": (1618, "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a"),
}
"""Size in MB and SHA-256 of OpenAI's checkpoints, as in the package openai-whisper 20250625."""

_FASTER = {
    "small": (486, "Systran/faster-whisper-small", "vocabulary.txt"),
    "medium": (1531, "Systran/faster-whisper-medium", "vocabulary.txt"),
    "large-v2": (3090, "Systran/faster-whisper-large-v2", "vocabulary.txt"),
    "large-v3": (3091, "Systran/faster-whisper-large-v3", "vocabulary.json"),
    "large-v3-turbo": (1622, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", "vocabulary.json"),
}


def _faster(size: str, megabytes: int, repository: str, vocabulary: str) -> Fetchable:
    # The models with 128 mel bands say so in a file of their own.
    mels = ("preprocessor_config.json",) if vocabulary.endswith(".json") else ()
    files = _hub(repository, "config.json", "model.bin", "tokenizer.json", vocabulary, *mels)
    return Fetchable(
        f"faster-whisper-{size}", "transcribe: faster_whisper", "OpenAI, converted for CTranslate2", "MIT",
        megabytes, files,
    )  # fmt: skip


TABLE: dict[str, Fetchable] = {
    model.name: model
    for model in (
        Fetchable(
            "pyannote-community-1", "diarize: pyannote", "pyannoteAI", "CC-BY-4.0", 33,
            _hub(
                "pyannote/speaker-diarization-community-1",
                "config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin",
                "plda/plda.npz", "plda/xvec_transform.npz",
            ),
            ("pyannote/speaker-diarization-community-1",),
        ),
        Fetchable(
            "pyannote-3.1", "diarize: pyannote", "CNRS and pyannoteAI", "MIT AND CC-BY-4.0", 33,
            (
                Remote("config.yaml", "pyannote/speaker-diarization-3.1:config.yaml"),
                Remote(
                    "segmentation/pytorch_model.bin", "pyannote/segmentation-3.0:pytorch_model.bin",
                    "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
                ),
                Remote(
                    "embedding/pytorch_model.bin",
                    "pyannote/wespeaker-voxceleb-resnet34-LM:pytorch_model.bin",
                ),
            ),
            ("pyannote/speaker-diarization-3.1", "pyannote/segmentation-3.0"),
        ),
        *(
            Fetchable(
                f"whisper-{size}", "transcribe: openai_whisper", "OpenAI", "MIT", megabytes,
                (Remote(f"{size}.pt", f"{_WHISPER_URL}/{sha256}/{size}.pt", sha256),),
            )
            for size, (megabytes, sha256) in _WHISPER.items()
        ),
        *(_faster(size, *row) for size, row in _FASTER.items()),
        Fetchable(
            "panns-cnn14", "tag: panns", "Kong et al. (2020), Cnn14_DecisionLevelMax", "CC-BY-4.0", 327,
            (
                Remote(
                    "Cnn14_DecisionLevelMax.pth",
                    "https://zenodo.org/record/3987831/files/Cnn14_DecisionLevelMax_mAP%3D0.385.pth?download=1",
                ),
            ),
        ),
        Fetchable(
            "htdemucs", "separate: demucs", "Rouard et al. (2023)", "MIT", 84,
            _hub("adefossez/HTDemucs", "955717e8.safetensors"),
        ),
        # Of the four fine-tuned networks only the last one makes the vocals.
        Fetchable(
            "htdemucs-vocals", "separate: demucs", "Rouard et al. (2023), fine-tuned", "MIT", 84,
            _hub("adefossez/HTDemucs-ft", "04573f0d.safetensors"),
        ),
    )
}  # fmt: skip

GROUPS = {"gpu": ("htdemucs-vocals", "pyannote-community-1", "panns-cnn14", "faster-whisper-large-v3")}
"""Names for several models at once: what a preset needs."""


def select(name: str) -> tuple[Fetchable, ...]:
    """The models that a name or a group's name stands for.

    Raises:
        ConfigError: Nothing is called so.
    """
    if name not in TABLE and name not in GROUPS:
        raise ConfigError(
            f"nothing to fetch is called {name!r}; there are: {', '.join(('embedded', *GROUPS, *TABLE))}",
            fix="paqa fetch --list",
        )
    return tuple(TABLE[one] for one in GROUPS.get(name, (name,)))


def home(name: str) -> Path:
    """The folder in which a model is, or will be."""
    return embedded.cache_dir() / "models" / name


def folder(name: str) -> Path:
    """Where a fetched model lies.

    Raises:
        ConfigError: No such model is in the table.
        NotReadyError: It was not fetched yet, or not to the end.
    """
    (model,) = select(name)
    place = home(name)
    known = manifest(place)
    absent = [
        file.path for file in model.files if file.path not in known or not (place / file.path).is_file()
    ]
    if absent:
        raise NotReadyError(
            f"model {name!r} is not here ({', '.join(absent)}; about {model.megabytes} MB, {model.license})",
            fix=f"paqa fetch {name}",
        )
    return place


def manifest(place: Path) -> dict[str, str]:
    """File -> SHA-256 of what was fetched into a folder; empty where nothing was."""
    file = place / MANIFEST
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def revision(name: str) -> str:
    """A model's name and the first digits of its checksums; ``"NAME-absent"`` where it is not here."""
    known = manifest(home(name))
    digits = "".join(known.get(file.path, "")[:8] for file in select(name)[0].files[:2])
    return f"{name}-{digits or 'absent'}"


def fetch(model: Fetchable, progress: Callable[[str, int, int | None], None]) -> Path:
    """Downloads what is missing of a model, verifies it, and returns its folder.

    Args:
        progress: Called with a file's path, the bytes that are there, and how many there will be.

    Raises:
        NotReadyError: The network, the server, a checksum, a login or the disk is in the way.
    """
    from paqa_builder.weights import download

    place = home(model.name)
    try:
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free
        if free < model.megabytes * _MB:
            raise NotReadyError(
                f"model {model.name!r} needs {model.megabytes} MB, {free // _MB} MB are free at {place}",
                fix="free some disk space, or: export PAQA_CACHE=/a/larger/folder",
            )
        known = manifest(place)
        for file in model.files:
            target = place / file.path
            if file.path in known and target.is_file():
                continue
            token = _token() if file.on_hub else None
            known[file.path] = download.download(
                file.url, target, file.sha256, gate=_pages(model), token=token,
                again=f"paqa fetch {model.name}", progress=partial(progress, file.path),
            )  # fmt: skip
            aside = place / f".{MANIFEST}.part"
            aside.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            aside.replace(place / MANIFEST)
    except OSError as error:
        raise NotReadyError(
            f"model {model.name!r}: cannot write to {place} ({error.strerror})",
            fix="free some disk space, or: export PAQA_CACHE=/a/writable/folder",
        ) from error
    return place


def _pages(model: Fetchable) -> tuple[str, ...]:
    return tuple(f"{HUB}/{page}" for page in model.gate)


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()
