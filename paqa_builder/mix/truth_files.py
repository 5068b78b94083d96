"""What is true of a scene, as files that others read: manifest, RTTM, STM, JAMS.

- the manifest (JSON lines, one scene a line) has everything; docs/mix.md lists its fields;
- RTTM (NIST) has who speaks when, cut at pauses longer than half a second;
- STM (NIST) has what is said, one line an utterance; there is none where some text is unknown;
- JAMS (Humphrey et al., ISMIR 2014) has speakers (``segment_open``), sounds (``scaper``, the namespace
  that scaper's tools read) and text (``lyrics``). It is written here as the JSON that it is: the
  ``jams`` package would bring mir_eval, jsonschema and six more to every installation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from paqa_builder.licenses import combined
from paqa_builder.mix.activity import merge
from paqa_builder.mix.material import Take
from paqa_builder.mix.render import ROOM_TONE, Rendered, pcm_sha256, spoken_spans
from paqa_builder.mix.scene import Design

JAMS_VERSION = "0.3.5"

PAUSE = 0.5
"""Seconds within one speaker's speech that do not end a turn: the usual forgiveness of NIST's evaluations."""


def manifest_row(design: Design, rendered: Rendered, stems: bool) -> dict[str, Any]:
    """One line of ``manifest.jsonl``. Paths are relative to the manifest."""
    names = [name for name in rendered.stems if name != ROOM_TONE]
    paths = {name: f"stems/{design.id}/{name}.flac" for name in (*names, ROOM_TONE)} if stems else {}
    spoken = spoken_spans(design)
    speech, overlap = _seconds(spoken), _overlap(design)
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
    """Every part of a recording that a scene is made of, speech first. Blanks are made of none.

    A blank borrows a recording's envelope, ten numbers a second, and no sound of it.
    """
    return [s.take for s in design.segments] + [e.take for e in design.events]


def text_complete(design: Design) -> bool:
    """True if everything that is said in the scene is known; so it is where nobody speaks."""
    return all(segment.text is not None for segment in design.segments)


def _terms(take: Take) -> dict[str, str]:
    return {"licence": take.license, "attribution": take.attribution, "origin": take.source_url or take.path}


def _end(start: float, take: Take) -> float:
    return round(start + take.length, 3)


def _seconds(spans: list[tuple[float, float]]) -> float:
    return sum(end - start for start, end in spans)


def _overlap(design: Design) -> float:
    """Seconds in which two speakers or more are active."""
    edges = sorted(
        edge
        for speaker in design.speakers
        for start, end in merge(a for s in design.segments if s.speaker == speaker.id for a in s.activity)
        for edge in ((start, 1), (end, -1))
    )
    seconds, active, before = 0.0, 0, 0.0
    for time, step in edges:
        seconds += (time - before) if active > 1 else 0.0
        active, before = active + step, time
    return round(seconds, 6)


def rttm(design: Design) -> str:
    """Who speaks when; one line a turn."""
    return "".join(
        f"SPEAKER {design.id} 1 {a:.3f} {b - a:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for a, b, speaker in turns((s.speaker, s.activity) for s in design.segments)
    )


def turns(active: Iterable[tuple[str, Iterable[Sequence[float]]]]) -> list[tuple[float, float, str]]:
    """(start, end, speaker) from (speaker, spans): one speaker's spans closer than PAUSE are one turn."""
    own: dict[str, list[Sequence[float]]] = {}
    for speaker, spans in active:
        own.setdefault(speaker, []).extend(spans)
    return sorted((a, b, speaker) for speaker, spans in own.items() for a, b in merge(spans, PAUSE))


def stm(design: Design) -> str | None:
    """What is said; one line an utterance. None where some of it is unknown."""
    if not text_complete(design):
        return None
    lines = (
        f"{design.id} 1 {s.speaker} {s.start:.3f} {_end(s.start, s.take):.3f} <o,{design.split}> {s.text}\n"
        for s in design.segments
    )
    return "".join(lines)


def jams(design: Design) -> str:
    """The scene as a JAMS file."""
    spoken = turns((s.speaker, s.activity) for s in design.segments)
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
        _annotation("segment_open", [_observed(*turn) for turn in spoken], design),
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
