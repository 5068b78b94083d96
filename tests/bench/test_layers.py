"""Scores of turns, words, sounds and stems: perfect records, and each kind of error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.bench_scenes import made, truth_of

from paqa_builder.audio import Audio
from paqa_builder.bench import diarization, events, separation, transcription
from paqa_builder.bench.reference import Reference
from paqa_builder.bench.score import score
from paqa_builder.questions.examples import scene_of
from paqa_builder.questions.templates import MiniScene
from paqa_builder.records import Scene

for package in ("pyannote.metrics", "jiwer", "whisper_normalizer", "scipy"):
    pytest.importorskip(package, reason="needs the eval extra")

TWO = MiniScene(
    turns=[(0.0, 4.0, "S1"), (4.0, 8.0, "S2")],
    tags=[(1.0, 3.0, "Dog", 0.9), (6.0, 9.0, "Rain", 0.8)],
    utterances=[(0.0, 4.0, "S1", "the cat sat down"), (4.0, 8.0, "S2", "it was raining hard")],
)


def scene() -> Scene:
    return scene_of(TWO, "two")


def values(heard: Scene, reference: Reference | None = None) -> dict[str, float]:
    measures, _ = score({"two": (heard, reference or truth_of(scene()))})
    return {name: measure.value for name, measure in measures.items()}


ZERO = ("der", "der_miss", "der_false_alarm", "der_confusion", "der_collar", "count_error", "wer", "cpwer")
ONE = (
    "count_right", "language_right", "event_map", "event_top3", "event_precision", "segment_f1",
    "event_f1", "event_f1_loose",
)  # fmt: skip


def test_scores_do_not_depend_on_speaker_names() -> None:
    heard = scene()
    renamed = {"S1": "B", "S2": "A"}
    heard = replace(
        heard,
        turns=tuple(replace(turn, speaker=renamed[turn.speaker]) for turn in heard.turns or ()),
        utterances=tuple(
            replace(u, speaker=renamed[u.speaker or ""], text=f"{u.text.upper()}!")
            for u in heard.utterances or ()
        ),
    )
    found = values(heard)
    assert {name: found[name] for name in (*ZERO, *ONE)} == dict.fromkeys(ZERO, 0) | dict.fromkeys(ONE, 1)


def test_synthetic_scenes_score_perfectly_against_themselves() -> None:
    scenes = [made(n) for n in range(12)]
    measures, notes = score({one.clip.id: (one, truth_of(one)) for one in scenes})
    assert not notes
    assert measures["der"].value == pytest.approx(0)
    assert measures["cpwer"].value == 0
    assert measures["event_map"].value == pytest.approx(1)
    assert measures["segment_f1"].value == 1


def test_a_failed_stage_counts_as_empty_and_a_missing_stage_is_not_scored() -> None:
    heard, truth = scene(), truth_of(scene())
    failed = replace(heard, turns=None, tags=None, utterances=None)
    measures, notes = score({"a": (heard, truth), "b": (failed, truth)})
    assert measures["der_miss"].value == 0.5
    assert measures["wer"].value == 0.5
    assert measures["event_top5"].value == 0.5
    assert len(notes) == 3
    measures, notes = score({"b": (failed, truth)})
    assert measures == {}
    assert any("diarize" in note for note in notes)


def test_one_voice_instead_of_two_is_confusion_and_a_wrong_count() -> None:
    heard = replace(scene(), turns=tuple(replace(turn, speaker="S1") for turn in scene().turns or ()))
    found = values(heard)
    assert (found["der_confusion"], found["der_miss"], found["der"]) == (0.5, 0, 0.5)
    assert (found["count_right"], found["count_error"]) == (0, 1)


def test_the_collar_is_a_quarter_second_on_each_side() -> None:
    def late(seconds: float) -> dict[str, float]:
        first, second = scene().turns or ()
        return values(replace(scene(), turns=(replace(first, start=seconds), second)))

    assert late(0.2)["der"] == pytest.approx(0.2 / 8)
    assert late(0.2)["der_collar"] == 0
    assert late(0.35)["der_collar"] > 0


def test_only_intervals_of_the_uem_are_scored() -> None:
    heard = replace(scene(), turns=(scene().turns or ())[:1], utterances=(scene().utterances or ())[:1])
    assert values(heard)["der"] == 0.5
    found = values(heard, replace(truth_of(scene()), scored=((0.0, 4.0),)))
    assert (found["der"], found["wer"], found["count_right"]) == (0, 0, 1)


def test_overlap_is_shared_speech_over_all_speech() -> None:
    mini = MiniScene(turns=[(0.0, 4.0, "S1"), (3.0, 8.0, "S2")])
    assert diarization.overlap_share(scene_of(mini).turns or ()) == pytest.approx(1 / 8)
    assert diarization.overlap_share(()) == 0


def test_words_of_the_wrong_speaker_cost_cpwer_only() -> None:
    heard = replace(scene(), utterances=tuple(replace(u, speaker="S1") for u in scene().utterances or ()))
    found = values(heard)
    assert found["wer"] == 0
    assert found["cpwer"] == 1.0  # four words too many for one speaker, four too few for the other


def test_cpwer_is_the_best_of_all_permutations() -> None:
    from itertools import permutations

    texts = ["a b c d", "e f g", "h i", ""]
    heard = ["h i j", "a b x d", "g", "e f"]
    wanted = min(sum(map(transcription.edits, texts, order)) for order in permutations(heard))
    assert transcription.permuted_edits(texts, heard) == wanted
    assert transcription.permuted_edits(["a b"], ["a", "b"]) == 2  # an invented speaker's words are errors
    assert transcription.permuted_edits([], []) == 0


def test_text_is_normalised_by_its_language() -> None:
    assert transcription.normaliser("en")("Mr. Brown paid £20 in COLOUR") == "mister brown paid £20 in color"
    assert transcription.normaliser("ja")("客観的").split() == ["客", "観", "的"]
    german = [replace(u, language="de") for u in scene().utterances or ()]
    assert transcription.language_of(german) == "de"
    assert values(replace(scene(), utterances=tuple(german)))["language_right"] == 0


def test_a_late_onset_costs_the_strict_f1_only() -> None:
    heard = replace(scene(), tags=tuple(replace(tag, start=tag.start + 0.5) for tag in scene().tags or ()))
    found = values(heard)
    assert (found["event_f1"], found["event_f1_loose"]) == (0, 1)


@pytest.mark.parametrize(
    ("true", "heard", "wanted"),
    [
        ([(1.0, 2.0)], [(1.2, 2.2)], 1),
        ([(1.0, 2.0)], [(1.3, 2.0)], 0),  # onset
        ([(1.0, 2.0)], [(1.0, 2.3)], 0),  # offset, of a short event
        ([(1.0, 6.0)], [(1.0, 6.9)], 1),  # offset, a fifth of a long one
        ([(1.0, 2.0), (1.3, 2.1)], [(1.15, 2.05), (0.9, 2.0)], 2),  # pairs as many as can be
    ],
)
def test_events_are_matched_within_tolerance(true: list, heard: list, wanted: int) -> None:
    found = events.matches({"dog": tuple(true)}, {"dog": tuple(heard)}, events.ONSET, events.OFFSET_SHARE)
    assert found == (wanted, len(heard), len(true))
    other = events.matches({"dog": tuple(true)}, {"cat": tuple(heard)}, events.ONSET, None)
    assert other == (0, len(heard), len(true))


def test_segments_are_counted_where_a_class_touches_them() -> None:
    found = events.segments({"dog": ((0.5, 2.1),)}, {"dog": ((1.0, 2.0),), "cat": ((9.5, 10.4),)}, 10.0)
    assert found == (1, 2, 3)


def test_more_general_and_more_specific_labels_are_no_mistakes() -> None:
    def heard(label: str) -> dict[str, float]:
        tags = tuple(replace(t, label=label) if t.label == "Dog" else t for t in scene().tags or ())
        return values(replace(scene(), tags=tags))

    assert heard("Bark")["event_map"] == 1
    assert heard("Bark")["event_precision"] == 1
    assert heard("Piano")["event_precision"] == 0.5
    assert heard("Piano")["event_top5"] == 0.5


def test_labels_that_audioset_lacks_make_precision_unknown() -> None:
    truth = truth_of(scene())
    tags = tuple(replace(tag, label="can_opening") for tag in truth.truth.tags or ())
    found = values(scene(), replace(truth, truth=replace(truth.truth, tags=tags)))
    assert np.isnan(found["event_precision"])
    assert np.isnan(found["event_top1"])


@pytest.fixture
def sounds(tmp_path: Path) -> Callable[[str, np.ndarray], Path]:
    def write(name: str, samples: np.ndarray) -> Path:
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, samples, 16_000, subtype="PCM_24")
        return path

    return write


def test_separation_is_measured_against_the_speakers_own_recordings(
    sounds: Callable[[str, np.ndarray], Path],
) -> None:
    random = np.random.default_rng(0)
    one, other, noise = 0.1 * random.standard_normal((3, 16_000))
    reference = Reference(
        ("a",),
        truth_of(scene()).truth,
        speech=(sounds("S1", one), sounds("S2", other)),
        others=(sounds("E1", noise),),
        snr=3.0,
    )

    def measured(speech: np.ndarray, background: np.ndarray) -> dict[str, float]:
        heard = {"speech": Audio(speech, 16_000), "background": Audio(background, 16_000)}
        found = separation.score({"a": reference}, lambda clip: heard)
        return {name: measure.value for name, measure in found.items()}

    nothing = measured(one + other + noise, noise + 0.1 * (one + other))
    assert nothing["si_sdr_gain"] == pytest.approx(0, abs=0.01)
    assert nothing["si_sdr"] == pytest.approx(3.0, abs=0.2)
    assert nothing["leak"] == pytest.approx(-20, abs=0.5)
    better = measured(0.5 * (one + other) + 0.05 * noise, noise)  # scale does not matter
    assert better["si_sdr"] == pytest.approx(23.0, abs=0.2)
    assert better["si_sdr_gain_loud"] == pytest.approx(20.0, abs=0.1)
    assert separation.score({"a": reference}, lambda clip: {}) == {}
    assert (
        separation.score({"a": replace(reference, others=())}, lambda clip: {"speech": Audio(one, 16_000)})
        == {}
    )


def test_si_sdr_stays_finite() -> None:
    target = np.sin(np.arange(800))
    assert separation.si_sdr(3 * target, target) == 100
    assert separation.si_sdr(np.zeros(800), target) == -100
