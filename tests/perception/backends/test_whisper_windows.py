"""Windows of Whisper: their lengths, the segments in them, and where the next one starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paqa_builder.perception.backends.transcribe._whisper import Decoded, WhisperOptions
from paqa_builder.perception.backends.transcribe._windows import (
    FRAMES,
    LONGEST,
    SHORTEST,
    Progress,
    Window,
    padded,
    split,
)

TIMES = 1000
"""Id of the timestamp 0 in these tests; text has lower ids."""


def at(seconds: float) -> int:
    return TIMES + round(seconds / 0.02)


def clip(seconds: float) -> Progress:
    mel = np.ones((80, round(seconds * FRAMES)), np.float32)
    return Progress(mel, FRAMES, WhisperOptions(), TIMES, None)


def answer(progress: Progress, tokens: list[int], **statistics: float) -> list[list[int]]:
    """Answers the next window; returns the tokens of the segments that were aligned."""
    aligned: list[list[int]] = []

    def align(parts: list[dict[str, Any]]) -> None:
        for part in parts:
            aligned.append(part["tokens"])
            part["end"] -= 0.1
            part["words"] = [{"word": "a", "start": part["start"], "end": part["end"], "probability": 1.0}]

    values = {"log_probability": -0.3, "no_speech": 0.1, "compression": 1.2} | statistics
    window = progress.window()
    assert window is not None
    progress.accept(window, Decoded(tokens, **values), align, lambda ids: "a" * sum(i < TIMES for i in ids))
    return aligned


@pytest.mark.parametrize(
    ("seconds", "step", "length"),
    [(0.1, 1, 6), (3.0, 1, 6), (3.01, 1, 7), (10.5, 1, 14), (29.0, 1, 30), (30.0, 1, 30), (10.5, 6, 18)],
)
def test_a_window_is_as_long_as_its_audio_and_a_margin(seconds: float, step: int, length: int) -> None:
    assert padded(round(seconds * FRAMES), step * FRAMES) == length * FRAMES


def test_a_short_clip_has_one_window_padded_with_zeros() -> None:
    progress = clip(5.0)
    window = progress.window()
    assert window is not None
    assert window.features.shape == (80, 8 * FRAMES)
    assert (window.start, window.frames) == (0, 5 * FRAMES)
    assert window.features[:, : 5 * FRAMES].all()
    assert not window.features[:, 5 * FRAMES :].any()
    answer(progress, [at(0), 1, 2, at(4.5)])
    assert progress.window() is None
    (segment,) = progress.segments
    assert (segment.start, segment.end, segment.text, segment.reason) == (0.0, 4.4, "aa", None)


def test_no_audio_has_no_window() -> None:
    assert clip(0.0).window() is None


def test_a_long_clip_goes_on_after_the_last_word() -> None:
    progress = clip(70.0)
    answer(progress, [at(0), 1, at(10), at(10), 2, at(28), at(28)])
    window = progress.window()
    assert window is not None
    assert window.start == round(27.9 * FRAMES)
    assert window.features.shape[1] == LONGEST
    answer(progress, [at(0), 3, at(29)])
    window = progress.window()
    assert window is not None
    assert (window.start, window.frames) == (round(57.9 * FRAMES), round(12.1 * FRAMES))
    assert [segment.start for segment in progress.segments] == pytest.approx([0.0, 10.0, 27.9])


def test_text_is_not_sought_again_in_the_end_of_a_clip_that_the_model_has_seen() -> None:
    """Silence after the last word makes Whisper invent one more sentence."""
    progress = clip(9.0)
    answer(progress, [at(0), 1, at(7.5), at(7.5)])
    assert progress.window() is None
    progress = clip(9.0)
    answer(progress, [at(0), 1, at(4), at(4)])
    window = progress.window()
    assert window is not None
    assert window.start == 4 * FRAMES


def test_hallucinated_text_is_not_aligned() -> None:
    progress = clip(5.0)
    assert answer(progress, [at(0), 1, 2, at(4)], compression=5.0) == []
    assert progress.window() is None
    (segment,) = progress.segments
    assert (segment.reason, segment.text, segment.words) == ("compression", "aa", [])


def test_a_loop_ends_at_the_limit_of_tokens_and_dense_text_does_not() -> None:
    tokens = [at(0), *[1] * 150]
    progress = clip(5.0)
    window = progress.window()
    assert window is not None
    assert window.max_tokens < 70
    answer(progress, tokens[: window.max_tokens], compression=8.0)
    assert progress.window() is None
    progress = clip(5.0)
    assert answer(progress, tokens[: window.max_tokens]) == []
    longer = progress.window()
    assert longer is not None
    assert longer.start == 0
    assert longer.max_tokens == 224
    assert answer(progress, [*tokens, at(5)]) != []
    assert progress.window() is None


def test_a_model_that_stays_at_the_limit_makes_progress() -> None:
    progress = clip(40.0)
    windows = 0
    while (window := progress.window()) is not None:
        windows += 1
        answer(progress, [at(0), *[1] * (window.max_tokens - 1)])
    assert windows < 10


@pytest.mark.parametrize("tokens", [[], [at(0)], [at(0), at(0)], [at(0), 1, at(0), at(0)]])
def test_windows_without_text_make_progress(tokens: list[int]) -> None:
    progress = clip(65.0)
    for _ in range(10):
        if progress.window() is None:
            return
        answer(progress, tokens)
    pytest.fail("no end")


def test_tokens_are_split_at_pairs_of_timestamps() -> None:
    window = Window(np.zeros((80, SHORTEST), np.float32), 200, 500, 99)
    tokens = [at(0), 1, at(1), at(1.5), 2, 3, at(4)]
    parts, finished = split(tokens, window, TIMES)
    assert finished
    assert [(p["seek"], p["start"], p["end"], p["tokens"]) for p in parts] == [
        (200, 2.0, 3.0, [at(0), 1, at(1)]),
        (200, 3.5, 6.0, [at(1.5), 2, 3, at(4)]),
    ]
    _, finished = split([*tokens, at(4)], window, TIMES)
    assert not finished
    (part,), finished = split([at(0), 1, 2], window, TIMES)
    assert finished
    assert (part["start"], part["end"]) == (2.0, 7.0)
