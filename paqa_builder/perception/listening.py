"""Input signal of *diarize* and *transcribe*: a blend of the separated speech and the mixture."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio, blend, combine
from paqa_builder.perception.stage import ClipContext, ListenOptions


class SpeechOptions(ListenOptions):
    """Blend of speech and mixture; the mixture alone where the separator lost the speech."""

    speech_share: float = Field(0.7, ge=0, le=1, description="Share of the speech in the blend; 0: mixture.")
    trust_ratio: float = Field(0.3, ge=0, description="Minimum RMS of the speech relative to the mixture.")


def kept(context: ClipContext, rate: int) -> Audio | None:
    """The mixture less the background stem, at ``rate`` Hz; None without stems.

    The speech stem contains more: *separate* adds some of the background to it, including noises.
    """
    mix, background = context.mix_at(rate), context.at("background", rate)
    if background is None:
        return context.at("speech", rate)
    return combine(np.subtract, mix, background)


def speech_blend(context: ClipContext, rate: int, options: SpeechOptions) -> Audio:
    """The blend at ``rate`` Hz; the mixture without stems or where the separator lost the speech.

    Separators lose distant, quiet voices (as in meetings) first, and take the mixture for background.
    """
    mix, speech = context.mix_at(rate), kept(context, rate)
    if speech is None or not options.speech_share or speech.rms < options.trust_ratio * mix.rms:
        return mix
    return blend(speech, mix, options.speech_share)
