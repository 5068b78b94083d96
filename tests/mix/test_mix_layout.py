"""Layout, activity, noise and impulse responses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.mix.activity import active_rms, activity, clip_spans
from paqa_builder.mix.layout import EDGE, LATCH, choose, gaps, roles, runs, slots, starts
from paqa_builder.mix.room import convolve, impulse_response, white
from paqa_builder.mix.scene import Place, Room
from paqa_builder.mix.spec import EventsSpec, TurnsSpec


def test_gaps_match_published_figures() -> None:
    drawn = np.array(gaps(TurnsSpec(), 20_000, "test"))
    assert np.mean(drawn < 0) == pytest.approx(0.40, abs=0.015)  # Heldner & Edlund 2010
    assert np.mean(np.abs(drawn) < 0.25) == pytest.approx(0.45, abs=0.02)  # de Ruiter et al. 2006
    assert np.mean(np.abs(drawn) < 0.75) == pytest.approx(0.85, abs=0.025)
    assert drawn.min() >= -1.0
    assert drawn.max() <= 2.0


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99))
def test_every_role_gets_a_run_and_none_two_in_a_row(count: int, people: int, seed: int) -> None:
    if count < people:
        with pytest.raises(ValueError, match="cannot be shared"):
            roles(count, people, seed)
        return
    order = roles(count, people, seed)
    assert set(order) == set(range(people))
    assert people == 1 or all(a != b for a, b in itertools.pairwise(order))


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99))
def test_there_are_enough_runs(pieces: int, most: int, seed: int) -> None:
    pattern = runs(pieces, most, TurnsSpec(change=0.2), seed)
    assert pattern[-1] + 1 >= min(pieces, most)
    assert all(0 <= b - a <= 1 for a, b in itertools.pairwise(pattern))


@given(st.lists(st.floats(0.3, 8), min_size=2, max_size=8), st.integers(0, 99))
def test_only_changes_overlap_and_never_three_pieces(lengths: list[float], seed: int) -> None:
    joins = gaps(TurnsSpec(), len(lengths) - 1, seed)
    pattern = runs(len(lengths), 2, TurnsSpec(), seed)
    apart = starts(lengths, joins, None, 0.0)
    close = starts(lengths, joins, pattern, 0.0)
    assert all(b - a - n >= LATCH - 0.002 for a, b, n in zip(apart, apart[1:], lengths, strict=False))
    for n, (a, b) in enumerate(itertools.pairwise(close)):
        if pattern[n] == pattern[n + 1]:
            assert b - a - lengths[n] >= LATCH - 0.002
    for n in range(len(lengths) - 2):
        assert close[n + 2] >= close[n] + lengths[n] - 0.003


@given(st.floats(3, 30), st.integers(0, 99))
def test_occurrences_fit_and_keep_apart(duration: float, seed: int) -> None:
    events = EventsSpec(occurrences={3: 1, 4: 1})
    places = slots(events, duration, seed)
    assert len(places) in (3, 4)
    assert places[0][0] >= EDGE - 0.001
    assert sum(places[-1]) <= duration - EDGE + 0.01
    assert all(b[0] - sum(a) >= events.apart - 0.003 for a, b in itertools.pairwise(places))


def test_choices_are_as_often_as_their_shares() -> None:
    drawn = [choose({1: 1.0, 2: 3.0}, "test", n) for n in range(4000)]
    assert np.mean(np.array(drawn) == 2) == pytest.approx(0.75, abs=0.02)


def test_activity_finds_what_is_loud_and_bridges_short_gaps() -> None:
    rate = 16_000
    samples = 1e-4 * white(1, 4 * rate)
    for start, end in ((0.5, 1.0), (1.15, 1.6), (2.5, 3.0)):
        samples[round(start * rate) : round(end * rate)] += 0.1 * white(2, round((end - start) * rate))
    found = activity(samples.astype(np.float32), rate)
    assert np.allclose(found, ((0.5, 1.6), (2.5, 3.0)), atol=0.025)
    assert active_rms(samples, rate, ((2.5, 3.0),)) == pytest.approx(0.1, rel=0.03)
    assert activity(np.zeros(rate, np.float32), rate) == ()
    assert clip_spans([(0, 2), (3, 4)], 1, 3.5, shift=-1) == ((0, 1), (2, 2.5))


def test_noise_is_white_and_of_unit_variance() -> None:
    noise = white(3, 1 << 16)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.01)
    power = np.abs(np.fft.rfft(noise)) ** 2
    halves = power[1 : len(power) // 2].mean() / power[len(power) // 2 :].mean()
    assert halves == pytest.approx(1, abs=0.05)
    assert not np.array_equal(noise[:99], white(4, 99))


@pytest.mark.parametrize("rt60", [0.2, 0.5])
def test_the_impulse_response_has_its_rt60_and_drr(rt60: float) -> None:
    room = Room("noise", rt60, (5, 4, 3), (2, 2, 1.5))
    response = impulse_response(room, Place((1, 1, 1), 6.0, 5), 16_000)
    assert response[0] == 1.0
    assert 10 * np.log10(1 / np.sum(response[1:] ** 2)) == pytest.approx(6.0, abs=0.01)
    # Schroeder's backward integration; the decay between -5 and -25 dB, times three, is RT60.
    decay = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1] / np.sum(response[1:] ** 2))
    times = [np.argmax(decay < level) / 16_000 for level in (-5, -25)]
    assert 3 * (times[1] - times[0]) == pytest.approx(rt60, rel=0.1)
    assert np.allclose(convolve(np.array([0.0, 1.0]), response)[1:], response)
