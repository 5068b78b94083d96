"""Merging of speech activity into turns, and RTTM."""

from __future__ import annotations

import pytest

from paqa_builder.intervals import time_covered
from paqa_builder.turns import merge_turns, rttm


def test_pauses_up_to_half_a_second_do_not_end_a_turn() -> None:
    activity = [("B", [(4.0, 5.0)]), ("A", [(0.0, 1.0), (1.5, 2.0)]), ("A", [(2.6, 3.0), (7.0, 7.0)])]
    assert merge_turns(activity) == [(0.0, 2.0, "A"), (2.6, 3.0, "A"), (4.0, 5.0, "B")]


def test_rttm_has_one_line_a_turn() -> None:
    assert rttm("clip", [(0.5, 2.0, "A")]) == "SPEAKER clip 1 0.500 1.500 <NA> <NA> A <NA> <NA>\n"


def test_time_covered_counts_overlapping_intervals() -> None:
    spans = [(0.0, 2.0), (1.0, 3.0), (3.0, 4.0)]
    assert [time_covered(spans, least) for least in (1, 2, 3)] == pytest.approx([4.0, 1.0, 0.0])
