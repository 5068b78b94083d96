"""The calibration file and its curves."""

from __future__ import annotations

import numpy as np
import pytest

from paqa_builder import registry
from paqa_builder.labels.audioset import is_speech, labels
from paqa_builder.perception import calibration

CURVES = ("turn.segmentation_campplus", "tag.yamnet", "word.whisper-base")


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_keeps_the_order_of_scores(name: str) -> None:
    """Strictly, so that raw scores and confidences rank tags equally."""
    curve = calibration.curve(name)
    values = [curve(raw) for raw in np.linspace(0, 1, 51)]
    assert values[0] >= 0
    assert values[-1] <= 1
    assert (np.diff(values) > 0).mean() > 0.95
    assert (np.diff(values) >= 0).all()


def test_a_curve_is_linear_between_knots_and_flat_outside() -> None:
    curve = calibration.Curve((0.2, 0.6), (0.1, 0.5))
    assert [curve(score) for score in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0.1, 0.1, 0.3, 0.5, 0.5])


def test_log_odds_increase_with_similarity() -> None:
    weights = calibration.same_voice("segmentation_campplus")
    assert all(weight > 0 for weight in weights.weights[:3])

    def odds(cosine: float, relative: float, link: float, smaller: float) -> float:
        return float(weights.log_odds(*(np.array([v]) for v in (cosine, relative, link, smaller)))[0])

    assert odds(0.7, 1.0, 0.0, 10) > 0 > odds(0.3, 0.5, 0.0, 10)
    assert odds(0.45, 0.75, 2.5, 10) > odds(0.45, 0.75, -2.5, 10)
    assert odds(0.45, 0.75, 0.0, 1) > odds(0.45, 0.75, 0.0, weights.enough)


def test_labels_among_voices_are_known() -> None:
    usual = calibration.among_voices("yamnet")
    assert usual
    assert all(label in labels() and not is_speech(label) for label in usual)
    assert all(log_odds > 0 for log_odds in usual.values())


def test_the_calibration_records_its_data() -> None:
    with pytest.raises(KeyError):
        calibration.curve("turn.unheard_of")


@pytest.mark.parametrize(
    ("stage", "backend"),
    [("diarize", "segmentation_campplus"), ("tag", "yamnet"), ("transcribe", "faster_whisper")],
)
def test_the_calibration_is_part_of_the_revision(stage: str, backend: str) -> None:
    """Otherwise a build would keep results of an earlier calibration."""
    assert calibration.revision() in registry.get(stage, backend).revision
