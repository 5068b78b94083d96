"""Speaker turns: merged from speech activity, written as RTTM and read from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from paqa_builder.intervals import Span, union

PAUSE = 0.5
"""Longest pause within a turn, in seconds, as in NIST's evaluations of diarization."""


def merge_turns(activity: Iterable[tuple[str, Iterable[Sequence[float]]]]) -> list[tuple[float, float, str]]:
    """Merges each speaker's active intervals into turns; pauses of up to :data:`PAUSE` do not end a turn.

    Args:
        activity: (speaker, intervals in seconds); a speaker may occur several times.

    Returns:
        (start, end, speaker), sorted.
    """
    spans: dict[str, list[Span]] = defaultdict(list)
    for speaker, active in activity:
        spans[speaker].extend((start, end) for start, end in active)
    return sorted((start, end, name) for name, own in spans.items() for start, end in union(own, PAUSE))


def rttm(clip: str, turns: Iterable[tuple[float, float, str]]) -> str:
    """The RTTM lines (NIST) of a clip's turns, given as (start, end, speaker)."""
    return "".join(
        f"SPEAKER {clip} 1 {start:.3f} {end - start:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for start, end, speaker in turns
    )


def rttm_turn(fields: Sequence[str]) -> tuple[str, float, float, str] | None:
    """The turn of a line of RTTM.

    Args:
        fields: The words of the line, at least one.

    Returns:
        Clip, start, end and speaker; None for a line of another type than SPEAKER.

    Raises:
        IndexError: The line has too few fields.
        ValueError: A time is no number.
    """
    if fields[0] != "SPEAKER":
        return None
    start = float(fields[3])
    return fields[1], start, start + float(fields[4]), fields[7]
