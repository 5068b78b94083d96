"""Ground truth files of a scene: manifest, RTTM, STM and JAMS.

- The manifest (JSON lines, one scene a line) has everything; docs/mix.md lists its fields.
- RTTM (NIST) has the speaker turns, split at pauses longer than half a second.
- STM (NIST) has the transcript, one line an utterance. It is not written if some text is unknown.
- JAMS (Humphrey et al., ISMIR 2014) has speakers (``segment_open``), sounds (``scaper``, the namespace
  of scaper's tools) and text (``lyrics``). It is written as plain JSON, because the ``jams`` package
  depends on mir_eval, jsonschema and six more packages.
"""

from __future__ import annotations

import json
from typing import Any

from paqa_builder.intervals import time_covered, total, union
from paqa_builder.licenses import combined
from paqa_builder.mix.material import Take
from paqa_builder.mix.render import ROOM_TONE, Rendered, pcm_sha256, spoken_spans
from paqa_builder.mix.scene import Design
from paqa_builder.turns import merge_turns

JAMS_VERSION = "0.3.5"


def manifest_row(design: Design, rendered: Rendered, stems: bool) -> dict[str, Any]:
    """The scene's line of ``manifest.jsonl``. Paths are relative to the manifest."""
    names = [name for name in rendered.stems if name != ROOM_TONE]
    paths = {name: f"stems/{design.id}/{name}.flac" for name in (*names, ROOM_TONE)} if stems else {}
    speech, overlap = total(spoken_spans(design)), _overlap(design)
    speaker_of = {speaker.id: speaker for speaker in design.speakers}
    takes = takes_of(design)
    languages = {segment.language for segment in design.segments}
    return {
        "id": design.id,
        "split": design.split,
        "audio": f"audio/{design.id}.flac",
        "sample_rate": rendered.rate,
        "num_samples": len(rendered.mixture),
        "duration": design.duration,
        "language": languages.pop() if len(languages) == 1 else None,
        "num_speakers": len(design.speakers),
        "speakers": [
            {"id": s.id, "corpus_speaker": s.name, "gender": s.sex} | ({"stem": paths[s.id]} if stems else {})
            for s in design.speakers
        ],
        "speech_ratio": round(speech / design.duration, 4),
        "overlap_ratio": round(overlap / speech, 4) if speech else 0.0,
        "has_overlap": overlap > 0,
        "turns": [
            {"start": s.start, "end": _end(s.start, s.take), "speaker": s.speaker} for s in design.segments
        ],
        "segments": [
            {
                "speaker": s.speaker,
                "start": s.start,
                "end": _end(s.start, s.take),
                "text": s.text,
                "words": s.words and [{"start": a, "end": b, "text": text} for a, b, text in s.words],
                "language": s.language,
                "utt_id": s.take.source,
                "corpus_speaker": speaker_of[s.speaker].name,
                "gender": speaker_of[s.speaker].sex,
                "level_dbfs": s.level,
                "activity": [list(span) for span in s.activity],
                "source_trim": [s.take.start, s.take.end],
            }
            | _terms(s.take)
            for s in design.segments
        ],
        "events": [
            {
                "stem": e.id,
                "label": e.corpus_label,
                "audioset": e.label,
                "kind": e.kind,
                "onset": e.activity[0][0] if e.activity else e.start,
                "offset": e.activity[-1][1] if e.activity else e.end,
                "active_segments": [list(span) for span in e.activity],
                "snr_db": e.snr,
                "snr_measured_db": rendered.snr.get(e.id),
                "clip": e.take.path,
                "src_file": e.take.source,
            }
            | _terms(e.take)
            for e in design.events
        ],
        "stems": paths,
        "gain_applied": rendered.gain,
        "text_complete": text_complete(design),
        "room": design.room and {"engine": design.room.engine, "rt60": design.room.rt60},
        "license": combined(take.license for take in takes),
        "attribution": "; ".join(dict.fromkeys(take.attribution for take in takes if take.attribution)),
        "source_url": " ".join(dict.fromkeys(take.source_url for take in takes if take.source_url)),
        "pcm_sha256": pcm_sha256(rendered.mixture),
    }


def takes_of(design: Design) -> list[Take]:
    """The excerpts of recordings that a scene contains, speech first.

    Blanks are left out: they take a recording's envelope, 20 values a second, and none of its sound.
    """
    return [s.take for s in design.segments] + [e.take for e in design.events]


def text_complete(design: Design) -> bool:
    """True if every segment has a transcript; also true for a scene without speech."""
    return all(segment.text is not None for segment in design.segments)


def _terms(take: Take) -> dict[str, str]:
    return {"licence": take.license, "attribution": take.attribution, "origin": take.source_url or take.path}


def _end(start: float, take: Take) -> float:
    return round(start + take.length, 3)


def _overlap(design: Design) -> float:
    """Seconds in which two speakers or more are active."""
    active = (
        span
        for speaker in design.speakers
        for span in union(a for s in design.segments if s.speaker == speaker.id for a in s.activity)
    )
    return round(time_covered(active, 2), 6)


def turns(design: Design) -> list[tuple[float, float, str]]:
    """The speaker turns, (start, end, speaker)."""
    return merge_turns((s.speaker, s.activity) for s in design.segments)


def stm(design: Design) -> str | None:
    """The transcript in STM, one line an utterance; None if some text is unknown."""
    if not text_complete(design):
        return None
    return "".join(
        f"{design.id} 1 {s.speaker} {s.start:.3f} {_end(s.start, s.take):.3f} <o,{design.split}> {s.text}\n"
        for s in design.segments
    )


def jams(design: Design) -> str:
    """The scene as a JAMS file."""
    sounds = [
        _observed(
            e.start,
            e.end,
            {
                "label": e.label,
                "source_file": e.take.path,
                "source_time": e.take.start,
                "event_time": e.start,
                "event_duration": round(e.end - e.start, 3),
                "snr": e.snr,
                "time_stretch": None,
                "pitch_shift": None,
                "role": "background" if e.kind == "ambience" else "foreground",
            },
        )
        for e in design.events
    ]
    said = [_observed(s.start, _end(s.start, s.take), s.text) for s in design.segments]
    annotations = [
        _annotation("segment_open", [_observed(*turn) for turn in turns(design)], design),
        _annotation("scaper", sounds, design),
    ]
    if text_complete(design):
        annotations.append(_annotation("lyrics", said, design))
    file = {"title": design.id, "duration": design.duration, "identifiers": {}, "jams_version": JAMS_VERSION}
    data = {"annotations": annotations, "file_metadata": file, "sandbox": {"split": design.split}}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _observed(start: float, end: float, value: Any) -> dict[str, Any]:
    return {"time": start, "duration": round(end - start, 3), "value": value, "confidence": 1.0}


def _annotation(namespace: str, data: list[dict[str, Any]], design: Design) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "data": sorted(data, key=lambda row: row["time"]),
        "annotation_metadata": {
            "annotation_tools": "paqa mix",
            "data_source": "program",
            "version": str(design.version),
            "corpus": design.spec,
        },
        "sandbox": {},
        "time": 0,
        "duration": design.duration,
    }
