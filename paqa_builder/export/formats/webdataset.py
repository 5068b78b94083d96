"""WebDataset: tar files with the audio and a JSON file of each clip.

The files are ``SPLIT-000000.tar`` and so on. The JSON has the scene, its questions and the terms of the
audio. Keys are the clips' names. A tar file ends after the clip that brings it to 1 GB.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.dataset.schema import scene_row
from paqa_builder.export.audio import suffix_of
from paqa_builder.export.base import AudioKind, ExportClip, ExportFormat
from paqa_builder.export.output import Output
from paqa_builder.records import to_json

SHARD_BYTES = 1_000_000_000


class WebDataset(ExportFormat):
    """WebDataset: tar files with the audio and a JSON file of each clip."""

    name = "webdataset"
    audio: ClassVar[AudioKind] = "none"
    embeds: ClassVar[bool] = True

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        tar: tarfile.TarFile | None = None
        name, split, number = "", "", 0
        for clip in clips:
            if tar is None or split != clip.split or tar.offset >= SHARD_BYTES:
                if tar is not None:
                    tar.close()
                split, number = clip.split, number + 1 if split == clip.split else 0
                name = f"{split}-{number:06d}.tar"
                # As a stream, which needs no memory for the whole file.
                tar = tarfile.open(fileobj=out.stream(name), mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115
            self._add(tar, clip)
            out.rows[name] += 1
        if tar is not None:
            tar.close()

    def _add(self, tar: tarfile.TarFile, clip: ExportClip) -> None:
        assert clip.stored
        data, file = clip.stored
        suffix = suffix_of(data) or re.sub(r"[^a-z0-9]", "", file.rpartition(".")[2].lower()) or "bin"
        text = json.dumps(_about(clip), ensure_ascii=False).encode()
        for end, content in ((suffix, data), ("json", text)):
            entry = tarfile.TarInfo(f"{clip.name}.{end}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _about(clip: ExportClip) -> dict[str, Any]:
    questions = [{**to_json(q), "audio_contribution": clip.contribution.get(q.id)} for q in clip.questions]
    return {**scene_row(clip.scene), "questions": questions}
