"""Label Studio: tasks with the records as predictions, for correction by annotators.

``SPLIT.json`` is imported as tasks, ``config.xml`` is the labelling interface with the speakers and sounds of
the data. Audio is served by Label Studio from local files: set
``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`` to the folder
of the export. ``paqa build --truth`` reads the corrected labels from Label Studio's JSON export.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from paqa_builder.export.base import ExportClip, ExportFormat
from paqa_builder.export.output import Output
from paqa_builder.export.texts import one_line

UNKNOWN = "unknown speaker"
"""Label of utterances without a speaker."""


class LabelStudio(ExportFormat):
    """Label Studio: tasks with the records as predictions, for correction by annotators."""

    name = "label-studio"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        speakers: dict[str, None] = {}
        sounds: dict[str, None] = {}
        for clip in clips:
            task = self.task(clip, out)
            out.row(f"{clip.split}.json", task)
            speakers |= dict.fromkeys(one_line(name) for name in clip.layers.speakers)
            sounds |= dict.fromkeys(one_line(tag.label) for tag in clip.layers.tags or ())
        if out.rows:
            out.text("config.xml", interface(sorted(speakers), sorted(sounds)), rows=0)

    def task(self, clip: ExportClip, out: Output) -> dict[str, Any]:
        """The task of a clip."""
        assert clip.audio
        about, layers = clip.scene.clip, clip.layers
        path = out.relative(clip.audio.path).removeprefix("../")
        result: list[dict[str, Any]] = []
        scores: list[float] = []

        def region(
            kind: str, name: str, record: Any, value: dict[str, Any], score: float, number: int
        ) -> None:
            span = {"start": record.start, "end": record.end, "channel": 0}
            result.append(
                {
                    "id": f"{name}{number}", "from_name": name, "to_name": "audio", "type": kind,
                    "original_length": clip.scene.duration, "score": score, "value": span | value,
                }
            )  # fmt: skip
            scores.append(score)

        for n, turn in enumerate(layers.turns or ()):
            region("labels", "speakers", turn, {"labels": [one_line(turn.speaker)]}, turn.confidence, n)
        for n, tag in enumerate(layers.tags or ()):
            name = "sounds" if tag.localized else "presence"
            region("labels", name, tag, {"labels": [one_line(tag.label)]}, tag.score, n)
        for n, said in enumerate(layers.utterances or ()):
            speaker = UNKNOWN if said.speaker is None else one_line(said.speaker)
            region("labels", "speech", said, {"labels": [speaker]}, said.confidence, n)
            # A text belongs to the region with the same id.
            result.append(
                result[-1] | {
                    "from_name": "transcription", "type": "textarea",
                    "value": {"start": said.start, "end": said.end, "channel": 0, "text": [said.text]},
                }
            )  # fmt: skip
        data = {
            "audio": f"/data/local-files/?d={quote(path)}", "clip_id": about.id, "name": clip.name,
            "split": about.split, "layers": layers.known, **clip.terms,
        }  # fmt: skip
        prediction = {
            "model_version": f"paqa {self.options.layer}",
            "score": round(sum(scores) / len(scores), 6) if scores else 0.0,
            "result": result,
        }
        return {"data": data, "predictions": [prediction]}


def interface(speakers: list[str], sounds: list[str]) -> str:
    """The labelling interface with these labels."""
    groups = {"speakers": speakers, "speech": [*speakers, UNKNOWN], "sounds": sounds, "presence": sounds}
    lines = ["<View>", '  <Audio name="audio" value="$audio"/>']
    for name, labels in groups.items():
        lines.append(f'  <Labels name="{name}" toName="audio">')
        lines += [f"    <Label value={quoteattr(label)}/>" for label in dict.fromkeys(labels)]
        lines.append("  </Labels>")
    lines.append(
        '  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" rows="2"/>'
    )
    return "\n".join([*lines, "</View>"]) + "\n"
