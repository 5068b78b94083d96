"""NeMo: manifests for recognition and diarization.

``asr-SPLIT.json`` has a line per utterance, ``diarization-SPLIT.json`` a line per clip, with its RTTM file in
``rttm/``. Paths are absolute; the audio is WAV with 16 kHz, mono. Speakers' names are those of the RTTM file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.export.base import AudioKind, ExportClip, ExportFormat
from paqa_builder.export.formats.rttm import rttm_of
from paqa_builder.export.names import tokens
from paqa_builder.export.output import Output
from paqa_builder.export.texts import one_line


class Nemo(ExportFormat):
    """NeMo: manifests for recognition and diarization."""

    name = "nemo"
    audio: ClassVar[AudioKind] = "wav16k"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            assert clip.audio
            path, end, layers = str(clip.audio.path), clip.audio.duration, clip.layers
            speakers = tokens(
                [turn.speaker for turn in layers.turns or ()] + [u.speaker for u in layers.utterances or ()]
            )
            for utterance in layers.utterances or ():
                stop = min(utterance.end, end)
                row: dict[str, Any] = {
                    "audio_filepath": path,
                    "offset": round(utterance.start, 6),
                    "duration": round(stop - utterance.start, 6),
                    "text": one_line(utterance.text),
                    "lang": utterance.language,
                    "speaker": None if utterance.speaker is None else speakers[utterance.speaker],
                    "clip_id": clip.scene.clip.id,
                    **clip.terms,
                }
                if stop > utterance.start and row["text"]:
                    out.line(f"asr-{clip.split}.json", {k: v for k, v in row.items() if v is not None})
            self._diarization(clip, path, out)

    def _diarization(self, clip: ExportClip, path: str, out: Output) -> None:
        turns, rttm = clip.layers.turns, rttm_of(clip)
        if turns is None or rttm is None:
            out.leave_out("clips without known turns (diarization)")
            return
        name = f"rttm/{clip.name}.rttm"
        out.text(name, rttm, rows=0)
        assert clip.audio
        row = {
            "audio_filepath": path,
            "offset": 0,
            "duration": clip.audio.duration,
            "label": "infer",
            "text": "-",
            "num_speakers": len({turn.speaker for turn in turns}),
            "rttm_filepath": str(out.home / name),
            "uem_filepath": None,
            "clip_id": clip.scene.clip.id,
        }
        out.line(f"diarization-{clip.split}.json", row)
