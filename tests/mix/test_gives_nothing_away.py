"""Levels, gaps and durations do not reveal the number of speakers or of kinds of sound.

A cross-validated random forest on features without spectral content must not beat chance. The same forest
must detect leaks that are added on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.mix_pools import SPEC, events_manifest, speech_manifest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

from paqa_builder.mix.activity import levels
from paqa_builder.mix.design import design_scene
from paqa_builder.mix.folder import Job, prepare
from paqa_builder.mix.material import Material
from paqa_builder.mix.render import render
from paqa_builder.mix.scene import Design
from paqa_builder.mix.spec import make_spec

DESIGNED = 600
RENDERED = 240


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Manifests of speech (with text) and of sounds."""
    folder = tmp_path_factory.mktemp("pools")
    return str(speech_manifest(folder)), str(events_manifest(folder))


def scenes(pools: tuple[str, str], count: int, **changes: object) -> tuple[Job, list[Design]]:
    spec = make_spec({**SPEC, "splits": {"train": 1}, "room": None, **changes})
    job = prepare(spec, Path("nowhere"), [pools[0]], [pools[1]])
    material = Material(spec, job.speech, job.events)
    return job, [design_scene(spec, material, n) for n in range(count)]


def kinds(design: Design) -> int:
    return len({sound.label for sound in design.sounds if sound.kind == "event"})


def speakers(design: Design) -> int:
    return len(design.speakers)


def _moments(values: list[float]) -> Iterator[float]:
    yield len(values)
    numbers = np.array(values or [0.0])
    yield from (numbers.mean(), numbers.std(), numbers.min(), numbers.max())


def timing(design: Design) -> list[float]:
    """More than audio could tell: every length, gap and level as it was designed."""
    spans = [(s.start, s.start + s.take.length) for s in design.segments]
    return [
        design.duration,
        design.level,
        design.floor,
        spans[0][0] if spans else 0.0,
        design.duration - spans[-1][1] if spans else 0.0,
        *_moments([b - a for a, b in spans]),
        *_moments([after[0] - before[1] for before, after in pairwise(spans)]),
        *_moments([s.level for s in design.segments]),
        *_moments([s.end - s.start for s in design.sounds if s.kind != "ambience"]),
        *_moments([s.snr for s in design.sounds if s.kind != "ambience"]),
    ]


def loudness(samples: np.ndarray, rate: int) -> list[float]:
    """What an energy meter hears: percentiles of level, and pauses at several depths below the loud."""
    level = levels(samples / 32768, rate)
    loud = float(np.percentile(level, 95))
    found = [
        len(samples) / rate,
        float(np.abs(samples).max()),
        *np.percentile(level, (1, 5, 10, 25, 50, 75, 90, 99)),
    ]
    found += [float(np.abs(np.diff(level)).mean()), float(np.abs(np.diff(level)).max())]
    for depth in (6, 12, 20, 30):
        below = np.concatenate(([0], (level < loud - depth).astype(int), [0]))
        starts, ends = np.flatnonzero(np.diff(below) == 1), np.flatnonzero(np.diff(below) == -1)
        found += [*_moments([float(n) for n in ends - starts if n > 10])]
    return found


def advantage(features: list[list[float]], truth: list[int]) -> float:
    """Accuracy above always naming the commonest answer."""
    forest = RandomForestClassifier(150, min_samples_leaf=3, random_state=0, n_jobs=1)
    guessed = cross_val_predict(forest, np.array(features), np.array(truth), cv=5)
    commonest = max(np.bincount(truth)) / len(truth)
    return float(np.mean(guessed == np.array(truth)) - commonest)


def margin(count: int) -> float:
    """Two and a half standard errors of an accuracy near one half: luck does not go further."""
    return 2.5 * 0.5 / np.sqrt(count)


@pytest.mark.parametrize("asked", [speakers, kinds])
def test_timing_without_overlap_does_not_reveal_numbers(
    pools: tuple[str, str], asked: Callable[[Design], int]
) -> None:
    _, designs = scenes(pools, DESIGNED, turns={"overlapping": 0})
    assert len({asked(design) for design in designs}) > 1
    assert advantage([timing(design) for design in designs], [asked(design) for design in designs]) < margin(
        DESIGNED
    )


def test_timing_with_overlap_does_not_reveal_the_number_of_speakers(pools: tuple[str, str]) -> None:
    speech = {**SPEC["speech"], "speakers": {2: 1, 3: 1, 4: 1}}  # type: ignore[dict-item]
    _, designs = scenes(pools, DESIGNED, speech=speech, turns={"overlapping": 1})
    assert sum(design.overlapping for design in designs) == DESIGNED
    assert advantage(
        [timing(design) for design in designs], [speakers(design) for design in designs]
    ) < margin(DESIGNED)


@pytest.fixture(scope="module")
def rendered(pools: tuple[str, str]) -> tuple[Job, list[Design], list[list[float]]]:
    job, designs = scenes(pools, RENDERED, turns={"overlapping": 0})
    return job, designs, [loudness(render(design, job.roots).mixture, design.rate) for design in designs]


@pytest.mark.parametrize("asked", [speakers, kinds])
def test_energy_does_not_reveal_numbers(
    rendered: tuple[Job, list[Design], list[list[float]]], asked: Callable[[Design], int]
) -> None:
    _, designs, heard = rendered
    assert advantage(heard, [asked(design) for design in designs]) < margin(RENDERED)


def test_blanks_hide_the_absence_of_sounds(pools: tuple[str, str]) -> None:
    events = {**SPEC["events"], "kinds": {0: 1, 1: 1}, "blanks": True}  # type: ignore[dict-item]
    job, designs = scenes(pools, RENDERED, events=events, ambience=None, turns={"overlapping": 0})
    heard = [loudness(render(design, job.roots).mixture, design.rate) for design in designs]
    assert advantage(heard, [kinds(design) for design in designs]) < margin(RENDERED)


def test_without_blanks_the_absence_of_sounds_is_detected(pools: tuple[str, str]) -> None:
    """The control of the test above: the meter does hear sounds."""
    events = {**SPEC["events"], "kinds": {0: 1, 1: 1}}  # type: ignore[dict-item]
    job, designs = scenes(pools, RENDERED, events=events, ambience=None, turns={"overlapping": 0})
    heard = [loudness(render(design, job.roots).mixture, design.rate) for design in designs]
    assert advantage(heard, [kinds(design) for design in designs]) > 2 * margin(RENDERED)


def _louder_floor(design: Design) -> Design:
    return replace(design, floor=design.floor + 4 * len(design.speakers))


def _longer_gaps(design: Design) -> Design:
    later = tuple(
        replace(s, start=s.start + 0.12 * n * len(design.speakers), activity=())
        for n, s in enumerate(design.segments)
    )
    return replace(design, segments=later)


@pytest.mark.parametrize("leak", [_louder_floor, _longer_gaps])
def test_a_leak_in_design_is_detected(pools: tuple[str, str], leak: Callable[[Design], Design]) -> None:
    _, designs = scenes(pools, DESIGNED, turns={"overlapping": 0})
    features = [timing(leak(design)) for design in designs]
    assert advantage(features, [speakers(design) for design in designs]) > 2 * margin(DESIGNED)


def test_a_leak_in_level_is_detected(rendered: tuple[Job, list[Design], list[list[float]]]) -> None:
    job, designs, _ = rendered
    heard = [loudness(render(_louder_floor(design), job.roots).mixture, design.rate) for design in designs]
    assert advantage(heard, [speakers(design) for design in designs]) > margin(RENDERED)
