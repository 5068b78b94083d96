"""Ground truth of one clip, and which clip of a build it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from paqa_builder.intervals import Spans, union
from paqa_builder.records import TRUTH, Origin, Truth, Turn

ORIGIN = Origin(TRUTH, "bench", "1")
PAUSE = 0.5
"""Seconds within one speaker's speech that do not end a turn: the usual forgiveness of NIST's evaluations."""


@dataclass(frozen=True)
class Reference:
    """What is true of a clip.

    Attributes:
        names: What a build may call the clip; the first is its name in reports.
        truth: Turns, tags and utterances; None for a layer that was not annotated.
        scored: Stretches to be scored (UEM); None for the whole clip.
        speech: Reference stems of the speakers; empty where there are none.
        others: Reference stems of everything else.
        snr: Speech over all other sounds in dB; None where it is unknown or there are no others.
    """

    names: tuple[str, ...]
    truth: Truth
    scored: Spans | None = None
    speech: tuple[Path, ...] = field(default=())
    others: tuple[Path, ...] = field(default=())
    snr: float | None = None


def match(references: Iterable[Reference], clips: Sequence[str]) -> dict[str, Reference]:
    """Finds each clip's reference: by its id, by its id without a suffix, or by its file's name alone.

    A file's name counts only where it is the name of one clip and of one reference.

    Returns:
        Clip id to reference, in the order of the clips; clips without reference are left out.
    """
    by_name: dict[str, list[Reference]] = {}
    for reference in references:
        for name in dict.fromkeys(reference.names):
            by_name.setdefault(name, []).append(reference)
    times = Counter(PurePosixPath(clip).name for clip in clips)
    times.update(PurePosixPath(clip).stem for clip in clips)
    found = {}
    for clip in clips:
        path = PurePosixPath(clip)
        keys = [clip, str(path.with_suffix(""))]
        keys += [key for key in (path.name, path.stem) if times[key] <= 1 + (path.name == path.stem)]
        for key in keys:
            if len(by_name.get(key, ())) == 1:
                found[clip] = by_name[key][0]
                break
    return found


def turns_of(activity: Mapping[str, Iterable[tuple[float, float]]]) -> tuple[Turn, ...]:
    """Turns from when each speaker is active; pauses up to :data:`PAUSE` do not end one."""
    turns = [
        Turn(start, end, speaker, 1.0, ORIGIN)
        for speaker, spans in activity.items()
        for start, end in union(spans, gap=PAUSE)
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker)))
