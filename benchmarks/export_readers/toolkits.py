"""Readers by toolkits of speech and by annotation editors: what each format's own library reads."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from export_readers.content import Content

_TIERS = {"turns": "turns", "speech": "utterances", "words": "words", "sounds": "tags", "presence": "tags"}


def lhotse(folder: Path) -> Content:
    """Cuts, recordings and supervisions, validated with their audio."""
    from lhotse import CutSet, RecordingSet, SupervisionSet, validate

    content = Content()
    for path in sorted(folder.glob("cuts-*.jsonl.gz")):
        cuts = CutSet.from_file(path).to_eager()
        recordings = RecordingSet.from_file(str(path).replace("cuts-", "recordings-")).to_eager()
        validate(cuts, read_data=True)
        validate(recordings, read_data=True)
        assert len(recordings) == len(cuts)
        file = Path(str(path).replace("cuts-", "supervisions-"))
        supervisions = sum(1 for _ in SupervisionSet.from_file(file)) if file.exists() else 0
        assert supervisions == sum(len(cut.supervisions) for cut in cuts)
        for cut in cuts:
            own = cut.custom
            for question in own["questions"]:
                content.ask(question["id"], question["answer"])
            for turn in own.get("turns") or ():
                content.add("turns", cut.id, turn["speaker"], turn["start"], turn["end"])
            for tag in own.get("tags") or ():
                content.add("tags", cut.id, tag["label"], tag["start"], tag["end"])
            for said in cut.supervisions:
                if said.text is None:
                    continue
                content.add("utterances", cut.id, said.text, said.start, said.end)
                for word in (said.alignment or {}).get("word", ()):
                    content.add("words", cut.id, word.symbol, word.start, word.end)
    return content


def lhotse_features(folder: Path) -> tuple[int, int]:
    """Filter banks of all cuts: number of cuts, and of frames."""
    from lhotse import CutSet, Fbank, FbankConfig

    cuts = frames = 0
    with tempfile.TemporaryDirectory(prefix="paqa-features-") as store:
        for path in sorted(folder.glob("cuts-*.jsonl.gz")):
            for cut in CutSet.from_file(path):
                mono = cut.resample(16_000)
                features = mono.compute_features(Fbank(FbankConfig(sampling_rate=16_000)))
                assert features.shape[-1] == 80
                cuts, frames = cuts + 1, frames + features.shape[-2]
            stored = (
                CutSet.from_file(path)
                .to_eager()
                .resample(16_000)
                .compute_and_store_features(Fbank(FbankConfig(sampling_rate=16_000)), f"{store}/{path.name}")
            )
            assert sum(1 for cut in stored if cut.has_features) == len(stored)
    return cuts, frames


def praat(folder: Path) -> Content:
    """TextGrid files, as Praat itself reads them."""
    import parselmouth

    call, content = parselmouth.praat.call, Content()
    for path in sorted(folder.glob("*.TextGrid")):
        grid = parselmouth.Data.read(str(path))
        for tier in range(1, call(grid, "Get number of tiers") + 1):
            kind = _TIERS[call(grid, "Get tier name", tier).partition("/")[0].partition(" #")[0].strip()]
            for place in range(1, call(grid, "Get number of intervals", tier) + 1):
                if text := call(grid, "Get label of interval", tier, place):
                    start = call(grid, "Get start time of interval", tier, place)
                    content.add(
                        kind, path.stem, text, start, call(grid, "Get end time of interval", tier, place)
                    )
    return content


def pympi(folder: Path) -> Content:
    """EAF files, with their media."""
    from pympi.Elan import Eaf

    content = Content()
    for path in sorted(folder.glob("*.eaf")):
        document = Eaf(str(path))
        assert (path.parent / unquote(document.get_linked_files()[0]["RELATIVE_MEDIA_URL"])).is_file()
        for tier in document.get_tier_names():
            kind = _TIERS[tier.partition("/")[0].partition(" #")[0].strip()]
            for start, end, text, *_ in document.get_annotation_data_for_tier(tier):
                content.add(kind, path.stem, text, start / 1000, end / 1000)
    return content


def jams(folder: Path) -> Content:
    """JAMS files, validated by their schema."""
    import jams as library

    content = Content()
    for path in sorted(folder.glob("*.jams")):
        for annotation in library.load(str(path), strict=True).annotations:
            for row in annotation.data:
                content.add(
                    annotation.sandbox.layer, path.stem, row.value, row.time, row.time + row.duration
                )  # fmt: skip
    return content


def webdataset(folder: Path) -> Content:
    """Tar files: audio and JSON of each clip, under one key."""
    import io

    import soundfile
    import webdataset as library

    content = Content()
    for path in sorted(folder.glob("*.tar")):
        for sample in library.WebDataset(str(path), shardshuffle=False):
            (suffix,) = [name for name in sample if name in ("wav", "flac", "mp3", "ogg")]
            about = json.loads(sample["json"])
            sound = soundfile.info(io.BytesIO(sample[suffix]))
            assert abs(sound.duration - about["duration"]) < 0.1
            for question in about["questions"]:
                content.ask(question["id"], question["answer"])
    return content


def label_studio(folder: Path) -> Content:
    """Tasks, whose predictions the labelling interface accepts."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface((folder / "config.xml").read_text(encoding="utf-8"))
    interface.validate()
    return label_studio_tasks(folder, lambda row: interface.validate_prediction(row, return_errors=True))


def label_studio_tasks(folder: Path, problems: Callable[[dict[str, Any]], Any] = lambda row: None) -> Content:
    """Tasks and their predictions, without Label Studio's library."""
    kinds = {"speakers": "turns", "sounds": "tags", "presence": "tags", "transcription": "utterances"}
    content = Content()
    for path in sorted(folder.glob("*.json")):
        for task in json.loads(path.read_text(encoding="utf-8")):
            for prediction in task["predictions"]:
                assert not problems(prediction)
                for row in prediction["result"]:
                    value, kind = row["value"], kinds.get(row["from_name"])
                    if kind:
                        text = (value.get("labels") or value.get("text"))[0]
                        content.add(kind, task["data"]["name"], text, value["start"], value["end"])
    return content


def nemo(folder: Path) -> Content:
    """Manifests by the keys that NeMo's readers take, with their RTTM files."""
    content = Content()
    for row in _lines(folder, "asr-*.json"):
        assert Path(row["audio_filepath"]).is_file()
        start, name = row["offset"], Path(row["audio_filepath"]).stem
        content.add("utterances", name, row["text"], start, start + row["duration"])
    for row in _lines(folder, "diarization-*.json"):
        assert Path(row["audio_filepath"]).stem == Path(row["rttm_filepath"]).stem
        turns = rttm_lines(Path(row["rttm_filepath"]))
        assert len({speaker for *_, speaker in turns}) == row["num_speakers"]
        for name, start, end, speaker in turns:
            content.add("turns", name, speaker, start, end)
    return content


def rttm(folder: Path) -> Content:
    """RTTM files, as pyannote reads them."""
    from pyannote.database.util import load_rttm

    content = Content()
    for path in sorted(folder.glob("*.rttm")):
        for name, annotation in load_rttm(path).items():
            for segment, _, speaker in annotation.itertracks(yield_label=True):
                content.add("turns", name, speaker, segment.start, segment.end)
    return content


def rttm_lines(path: Path) -> list[tuple[str, float, float, str]]:
    """The turns of an RTTM file."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(len(row) == 10 and row[0] == "SPEAKER" for row in rows)
    return [(row[1], float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


def ctm(folder: Path) -> Content:
    """CTM files, as lhotse reads them."""
    from lhotse import SupervisionSegment, SupervisionSet

    content = Content()
    for path in sorted(folder.glob("*.ctm")):
        whole = SupervisionSegment(path.stem, path.stem, 0.0, 24 * 3600.0)
        (aligned,) = SupervisionSet.from_segments([whole]).with_alignment_from_ctm(path)
        for word in (aligned.alignment or {}).get("word", ()):
            content.add("words", path.stem, word.symbol, word.start, word.end)
    return content


def audacity(folder: Path) -> Content:
    """Label tracks by their definition: start, end and text with tabs."""
    content = Content()
    for path in sorted(folder.glob("*.txt")):
        name, layer, _ = path.name.split(".")
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                start, end, text = line.split("\t")
                content.add("tags" if layer == "presence" else layer, name, text, float(start), float(end))
    return content


def _lines(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                yield json.loads(line)
