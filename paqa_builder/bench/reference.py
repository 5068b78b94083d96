"""Ground truth of one clip, and which clip of a build it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from paqa_builder.intervals import Spans
from paqa_builder.records import TRUTH, Origin, Truth

ORIGIN = Origin(TRUTH, "bench", "1")


@dataclass(frozen=True)
class Reference:
    """Ground truth of one clip.

    Attributes:
        names: Possible clip ids in a build; reports use the first.
        truth: Turns, tags and utterances; None for a layer that was not annotated.
        scored: Intervals to be scored (UEM); None for the whole clip.
        speech: Reference stems of the speakers; empty where there are none.
        others: Reference stems of everything else.
        snr: Speech over all other sounds in dB; None if unknown or if there are no other sounds.
    """

    names: tuple[str, ...]
    truth: Truth
    scored: Spans | None = None
    speech: tuple[Path, ...] = field(default=())
    others: tuple[Path, ...] = field(default=())
    snr: float | None = None


def match(references: Iterable[Reference], clips: Sequence[str]) -> dict[str, Reference]:
    """Finds the reference of each clip by id, id without suffix, or file name.

    A file name is used only if it belongs to exactly one clip and one reference.

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
