"""JAMS: annotations of speakers, sounds and texts.

One file per clip (Humphrey et al., ISMIR 2014).

Speaker turns are ``segment_open``, sounds ``tag_open``, texts ``lyrics``; ``sandbox.layer`` names the layer.
A layer that is unknown has no annotation, an empty one an annotation without data. It is written as plain
JSON.
"""

from __future__ import annotations

import json
from typing import Any

from paqa_builder.export.base import ClipFileFormat, ExportClip
from paqa_builder.export.output import Output
from paqa_builder.export.texts import printable

VERSION = "0.3.5"
_NAMESPACES = {"turns": "segment_open", "tags": "tag_open", "utterances": "lyrics"}


class Jams(ClipFileFormat):
    """JAMS: annotations of speakers, sounds and texts."""

    name = "jams"

    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        layers, about, end = clip.layers, clip.scene.clip, clip.scene.duration
        if not layers.known:
            return {}
        rows: dict[str, list[dict[str, Any]]] = {
            "turns": [_row(t, t.speaker, t.confidence) for t in layers.turns or ()],
            "tags": [_row(t, t.label, t.score) for t in layers.tags or ()],
            "utterances": [_row(u, u.text, u.confidence) for u in layers.utterances or ()],
        }
        speakers = [u.speaker for u in layers.utterances or ()]
        annotations = [
            {
                "namespace": _NAMESPACES[layer],
                "data": rows[layer],
                "annotation_metadata": {
                    "annotation_tools": "paqa export", "data_source": "program",
                    "corpus": printable(about.source),
                },
                "sandbox": {"layer": layer} | ({"speakers": speakers} if layer == "utterances" else {}),
                "time": 0,
                "duration": end,
            }
            for layer in layers.known
        ]  # fmt: skip
        data = {
            "annotations": annotations,
            "file_metadata": {
                "title": clip.name,
                "duration": end,
                "identifiers": {},
                "jams_version": VERSION,
            },
            "sandbox": {"clip_id": about.id, "split": about.split, **clip.terms},
        }
        return {".jams": json.dumps(data, indent=1, ensure_ascii=False) + "\n"}


def _row(record: Any, value: str, confidence: float) -> dict[str, Any]:
    return {
        "time": record.start, "duration": round(record.end - record.start, 6), "value": printable(value),
        "confidence": confidence,
    }  # fmt: skip
