"""Titles of the measures, their units and their direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Form = Literal["share", "number", "dB"]


@dataclass(frozen=True)
class Title:
    """How a measure is reported. Values of the form ``share`` are printed in per cent."""

    text: str
    group: str
    better: Literal["lower", "higher"]
    form: Form = "share"

    def show(self, value: float, *, signed: bool = False) -> str:
        """A value as text; a dash for NaN."""
        if math.isnan(value):
            return "-"
        scaled, digits = (100 * value, 1) if self.form == "share" else (value, 2)
        return f"{scaled:{'+' if signed else ''}.{digits}f}"

    def judge(self, value: float, low: float, high: float) -> Literal["better", "worse", ""]:
        """The direction of a difference, if its interval (low, high) excludes zero; else empty."""
        if low <= 0 <= high or math.isnan(low):
            return ""
        return "better" if (value > 0) == (self.better == "higher") else "worse"

    @property
    def unit(self) -> str:
        return {"share": "%", "dB": "dB", "number": ""}[self.form]


TITLES: dict[str, Title] = {
    "question_precision": Title("right, of those decided", "Questions", "higher"),
    "question_decided": Title("decided by the ground truth", "Questions", "higher"),
    "der": Title("error rate, collar 0", "Speaker turns", "lower"),
    "der_miss": Title("  missed", "Speaker turns", "lower"),
    "der_false_alarm": Title("  false alarm", "Speaker turns", "lower"),
    "der_confusion": Title("  wrong speaker", "Speaker turns", "lower"),
    "der_collar": Title("error rate, collar 0.25 s", "Speaker turns", "lower"),
    "count_right": Title("number of speakers right", "Speaker turns", "higher"),
    "count_error": Title("number of speakers off by", "Speaker turns", "lower", "number"),
    "wer": Title("WER", "Words", "lower"),
    "cpwer": Title("cpWER (by speaker)", "Words", "lower"),
    "language_right": Title("language right", "Words", "higher"),
    "event_map": Title("mean average precision", "Sounds", "higher"),
    "event_top1": Title("recall in the best 1", "Sounds", "higher"),
    "event_top3": Title("recall in the best 3", "Sounds", "higher"),
    "event_top5": Title("recall in the best 5", "Sounds", "higher"),
    "event_precision": Title("detected labels right", "Sounds", "higher"),
    "segment_f1": Title("F1 by seconds", "Sounds", "higher"),
    "event_f1": Title("F1 on- and offset, 0.2 s", "Sounds", "higher"),
    "event_f1_loose": Title("F1 onset within 1 s", "Sounds", "higher"),
    "si_sdr": Title("SI-SDR of speech", "Separation", "higher", "dB"),
    "si_sdr_gain": Title("SI-SDR over the mixture", "Separation", "higher", "dB"),
    "si_sdr_gain_loud": Title("  where SNR <= 10 dB", "Separation", "higher", "dB"),
    "leak": Title("speech in background", "Separation", "lower", "dB"),
}
