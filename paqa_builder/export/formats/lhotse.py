"""lhotse: manifests of recordings, supervisions and cuts.

There are ``recordings-SPLIT.jsonl.gz``, ``supervisions-SPLIT.jsonl.gz`` and ``cuts-SPLIT.jsonl.gz``.

Supervisions are the utterances with their texts and word alignments; where these are unknown, the speaker
turns without text. The speaker's sex is ``gender``. A cut spans the whole clip; its ``custom`` has ``turns``,
``tags``, ``questions``, the corpus's ``captions``, the licence and the clip's id. The fields of an unknown
layer are missing. Paths of audio are absolute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.export.base import ExportClip, ExportFormat
from paqa_builder.export.output import Output
from paqa_builder.records import Speaker, Utterance, to_json


class Lhotse(ExportFormat):
    """lhotse: manifests of recordings, supervisions and cuts."""

    name = "lhotse"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            recording, supervisions = self.recording(clip), self.supervisions(clip)
            out.row(f"recordings-{clip.split}.jsonl.gz", recording)
            for supervision in supervisions:
                out.row(f"supervisions-{clip.split}.jsonl.gz", supervision)
            out.row(f"cuts-{clip.split}.jsonl.gz", self.cut(clip, recording, supervisions))

    def recording(self, clip: ExportClip) -> dict[str, Any]:
        """The recording of a clip."""
        assert clip.audio
        channels = list(range(clip.audio.channels))
        return {
            "id": clip.name,
            "sources": [{"type": "file", "channels": channels, "source": str(clip.audio.path)}],
            "sampling_rate": clip.audio.rate,
            "num_samples": clip.audio.frames,
            "duration": clip.audio.duration,
            "channel_ids": channels,
        }

    def supervisions(self, clip: ExportClip) -> list[dict[str, Any]]:
        """The utterances of a clip; its turns where utterances are unknown."""
        assert clip.audio
        layers, end = clip.layers, clip.audio.duration
        records: Any = layers.turns if layers.utterances is None else layers.utterances
        made = []
        for number, record in enumerate(records or ()):
            start, stop = round(record.start, 6), round(min(record.end, end), 6)
            if start >= stop:
                continue
            fields = {"id": f"{clip.name}-{number}", "recording_id": clip.name, "start": start}
            fields |= {"duration": round(stop - start, 6), "channel": _channel(clip)}
            if isinstance(record, Utterance):
                fields |= {"text": record.text, "language": record.language}
                words = [[w.text, w.start, round(w.end - w.start, 6), w.confidence] for w in record.words]
                fields |= {"alignment": {"word": words}} if words else {}
            person = self.speaker(clip, record.speaker)
            custom = {"confidence": record.confidence, "age": person.age, "accent": person.accent}
            custom["emotion"] = getattr(record, "emotion", None)
            fields |= {"speaker": record.speaker, "gender": person.sex, "custom": _known(custom)}
            made.append(_known(fields))
        return made

    def speaker(self, clip: ExportClip, name: str | None) -> Speaker:
        """What the corpus states about a speaker."""
        stated = () if self.options.layer == "model" else clip.scene.clip.truth.speakers or ()
        return next((speaker for speaker in stated if speaker.name == name), Speaker(name or ""))

    def cut(
        self, clip: ExportClip, recording: dict[str, Any], supervisions: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """The cut of a clip."""
        assert clip.audio
        layers = clip.layers
        known = {name: to_json(getattr(layers, name)) for name in layers.known if name != "utterances"}
        questions = [
            {**to_json(q), "audio_contribution": clip.contribution.get(q.id)} for q in clip.questions
        ]
        about: dict[str, Any] = {
            "clip_id": clip.scene.clip.id,
            "source": clip.scene.clip.source,
            **clip.terms,
        }
        if self.options.layer != "model" and clip.scene.clip.truth.captions is not None:
            about["captions"] = list(clip.scene.clip.truth.captions)
        return {
            "id": clip.name,
            "start": 0.0,
            "duration": clip.audio.duration,
            "channel": _channel(clip),
            "supervisions": supervisions,
            "recording": recording,
            "custom": {**about, **known, "questions": questions},
            "type": "MonoCut" if clip.audio.channels == 1 else "MultiCut",
        }


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _channel(clip: ExportClip) -> int | list[int]:
    assert clip.audio
    return 0 if clip.audio.channels == 1 else list(range(clip.audio.channels))
