"""Where the stages that follow *separate* listen when they are after speech."""

from __future__ import annotations

from pydantic import Field

from paqa_builder.audio import Audio, blend, fit
from paqa_builder.perception.stage import ClipContext, ListenOptions


class SpeechOptions(ListenOptions):
    """A blend of speech and mixture, unless the separator lost the speech."""

    speech_share: float = Field(
        0.7, ge=0, le=1, description="What the separator kept: its share of the blend heard; 0: the mixture."
    )
    trust_ratio: float = Field(
        0.3, ge=0, description="Below this RMS, relative to the mixture's, it lost the speech: hear the mix."
    )


def kept(view: ClipContext, rate: int) -> Audio | None:
    """What the separator did not take away, at ``rate`` Hz; None where there is no stem.

    That is the mixture less the background stem. The speech stem itself may have some of the mixture put
    back, for the sake of nearly clean speech, and with it noises that pass for speech.
    """
    mix, background = view.at("mix", rate), view.at("background", rate)
    assert mix is not None
    if background is None:
        return view.at("speech", rate)
    return Audio(mix.samples - fit(background.samples, len(mix.samples)), rate)


def speech_blend(view: ClipContext, rate: int, options: SpeechOptions) -> Audio | None:
    """The blend at ``rate`` Hz; None where there is no stem, or none to trust.

    Far, quiet voices, as in meetings, are what a separator loses first: it then takes nearly all of
    the mixture for background.
    """
    mix, speech = view.at("mix", rate), kept(view, rate)
    assert mix is not None
    if speech is None or not options.speech_share or speech.rms < options.trust_ratio * mix.rms:
        return None
    return blend(speech, mix, options.speech_share)
