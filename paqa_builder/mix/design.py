"""Design of a scene: speakers, sounds, times, levels and room.

A design depends only on the specification, the pools, the seed and the scene's number. Every choice is a
hash of these, so any number of workers can design scenes in any order.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from paqa_builder.intervals import total
from paqa_builder.mix.activity import clip_spans
from paqa_builder.mix.casting import Line, Occurrence, cast_events, cast_speech
from paqa_builder.mix.layout import between, choose, slots
from paqa_builder.mix.material import Material, Stretch
from paqa_builder.mix.recordings import Recording
from paqa_builder.mix.scene import VERSION, Design, Place, Room, Segment, Sound, Speaker
from paqa_builder.mix.spec import RoomSpec, Spec
from paqa_builder.seeded import below, digest, shuffled, unit

_NO_CHOICES = {"scenes", "seed", "stems", "jams", "license_allow", "license_conflicts"}
"""Settings that do not change the random choices of a scene."""


def spec_digest(spec: Spec) -> str:
    """Hash of a specification without the number of scenes and the files to write."""
    settings = spec.model_dump(mode="json", exclude=_NO_CHOICES)
    return digest(json.dumps(settings, sort_keys=True, ensure_ascii=False))


def design_scene(spec: Spec, material: Material, index: int) -> Design:
    """Designs scene number ``index`` (from 0).

    Raises:
        ConfigError: The pools lack material for the specification.
    """
    identity = spec_digest(spec)
    key = (identity, spec.seed, index)
    split = choose(spec.splits, *key, "split")
    level = round(between(spec.speech.level, *key, "level"), 2)
    room = _room(spec.room, key)
    count = choose(spec.speech.speakers, *key, "speakers")
    overlapping = count > 1 and unit(*key, "overlapping") < spec.turns.overlapping
    duration, lines = cast_speech(spec, material, split, count, overlapping, key)
    speakers, segments = _speech(spec, material, split, level, room, lines, key)
    return Design(
        version=VERSION,
        id=f"{spec.name}_{spec.seed}_{index:06d}",
        split=split,
        seed=spec.seed,
        index=index,
        spec=identity,
        rate=spec.rate,
        duration=duration,
        level=level,
        floor=round(level - between(spec.floor, *key, "floor"), 2),
        noise=below(1 << 32, *key, "noise"),
        overlapping=overlapping,
        room=room,
        speakers=speakers,
        segments=segments,
        sounds=_sounds(spec, material, split, duration, room, key),
    )


def _speech(
    spec: Spec, material: Material, split: str, level: float, room: Room | None, lines: list[Line], key: tuple
) -> tuple[tuple[Speaker, ...], tuple[Segment, ...]]:
    names = list(dict.fromkeys(line.speaker for line in lines))
    groups = material.groups("speech", split)
    speakers = tuple(
        Speaker(f"S{n}", name, groups[name][0].sex, _place(spec.room, room, (*key, "voice", n)))
        for n, name in enumerate(names, 1)
    )
    jitter = spec.speech.jitter
    segments = tuple(
        Segment(
            speaker=f"S{names.index(line.speaker) + 1}",
            start=line.start,
            level=round(level + jitter * (2 * unit(*key, "jitter", n) - 1), 2),
            take=line.piece.take,
            activity=clip_spans(line.piece.activity, 0.0, line.piece.length, line.start),
            text=line.piece.text,
            language=line.piece.language,
            words=line.piece.words and tuple(_moved(word, line.start) for word in line.piece.words),
        )
        for n, line in enumerate(lines)
    )
    return speakers, segments


def _moved(word: tuple[float, float, str], by: float) -> tuple[float, float, str]:
    return round(word[0] + by, 3), round(word[1] + by, 3), word[2]


def _sounds(
    spec: Spec, material: Material, split: str, duration: float, room: Room | None, key: tuple
) -> tuple[Sound, ...]:
    sounds: list[Sound] = []
    ambience = _ambience(spec, material, split, key)
    if ambience and spec.ambience:
        recording, stretch = ambience
        sounds.append(
            Sound(
                id="",
                kind="ambience",
                label=recording.label or recording.group,
                corpus_label=recording.group,
                start=0.0,
                end=duration,
                snr=round(between(spec.ambience.snr, *key, "ambience snr"), 1),
                take=stretch.take(stretch.activity[0][0], stretch.length),
                activity=((0.0, duration),),
                loop=True,
                place=None,  # no direction
            )
        )
    if spec.events:
        kinds = choose(spec.events.kinds, *key, "kinds")
        places = slots(spec.events, duration, *key)
        if places and (kinds or spec.events.blanks):
            avoid = sounds[0].label if sounds else None
            cast = cast_events(spec.events, material, split, places, kinds, avoid, key)
            sounds += [_event(spec, o, bool(kinds), room, (*key, "sound", n)) for n, o in enumerate(cast)]
    sounds.sort(key=lambda sound: sound.start)
    numbers: Counter[str] = Counter()
    numbered = []
    for sound in sounds:
        letter = "B" if sound.kind == "blank" else "E"
        numbers[letter] += 1
        numbered.append(replace(sound, id=f"{letter}{numbers[letter]}"))
    return tuple(numbered)


def _event(spec: Spec, occurrence: Occurrence, real: bool, room: Room | None, key: tuple) -> Sound:
    assert spec.events is not None
    take, recording = occurrence.take, occurrence.recording
    return Sound(
        id="",
        kind="event" if real else "blank",
        label=(recording.label or recording.group) if real else "",
        corpus_label=recording.group if real else "",
        start=occurrence.start,
        end=round(occurrence.start + take.length, 3),
        snr=round(between(spec.events.snr, *key, "snr"), 1),
        take=take,
        activity=clip_spans(occurrence.stretch.activity, take.start, take.end, occurrence.start - take.start),
        loop=False,
        place=_place(spec.room, room, key),
    )


def _ambience(spec: Spec, material: Material, split: str, key: tuple) -> tuple[Recording, Stretch] | None:
    if not spec.ambience or unit(*key, "ambience") >= spec.ambience.share:
        return None
    candidates = [
        recording
        for label, recordings in material.groups("events", split).items()
        for recording in recordings
        if {label, recording.label} & set(spec.ambience.labels)
    ]
    for recording in shuffled(candidates, *key, "ambience"):
        stretch = material.stretch(recording)
        # An intermittent sound cannot last for the whole scene.
        if stretch and stretch.length >= 2.0 and total(stretch.activity) > 0.9 * stretch.length:
            return recording, stretch
    return None


def _room(spec: RoomSpec | None, key: tuple) -> Room | None:
    if not spec or unit(*key, "room") >= spec.share:
        return None
    size = tuple(
        round(low + span * unit(*key, "room", n), 2)
        for n, (low, span) in enumerate(((3, 5), (3, 4), (2.4, 1)))
    )
    microphone = tuple(
        round(edge * (0.35 + 0.3 * unit(*key, "microphone", n)), 2) for n, edge in enumerate(size)
    )
    rt60 = round(between(spec.rt60, *key, "rt60"), 3)
    return Room(spec.engine, rt60, _three(size), _three(microphone))


def _place(spec: RoomSpec | None, room: Room | None, key: tuple) -> Place | None:
    if not spec or not room:
        return None
    position = tuple(
        round(edge * (0.1 + 0.8 * unit(*key, "position", n)), 2) for n, edge in enumerate(room.size)
    )
    return Place(_three(position), round(between(spec.drr, *key, "drr"), 1), below(1 << 32, *key, "rir"))


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
