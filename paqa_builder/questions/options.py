"""Settings of the question stage: number and kinds of questions, and thresholds of confidence."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Score = Annotated[float, Field(ge=0, le=1)]
Margin = Annotated[float, Field(ge=0)]


class Thresholds(BaseModel):
    """Scores and margins (in seconds) below which a fact abstains.

    Margins apply to ground truth as well, scores do not. ``together``, ``apart`` and ``again`` are aliases of
    ``min_overlap``, ``min_gap`` and ``min_pause``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Score = Field(default=0.75, description="Smallest score of a model's tag.")
    voice_event: Score = Field(
        default=0.85, description="The same for voice-like sounds (laughter, coughs) beside speech."
    )
    event_edge: Margin = Field(
        default=1.0, description="Tolerance of a model's onsets and offsets, in seconds."
    )
    turn: Score = Field(default=0.8, description="Smallest confidence of turns of a second or more.")
    handover: Margin = Field(
        default=0.15,
        description="Turns of two speakers that meet within this many seconds may be one voice split in two.",
    )
    word: Score = Field(default=0.85, description="Smallest confidence of the words of a quote.")
    speaker_seconds: Margin = Field(
        default=1.5, description="Smallest duration of a speaker's speech; less may be a model's error."
    )
    order: Margin = Field(default=0.5, description="Smallest distance of onsets that have an order.")
    longer_seconds: Margin = Field(
        default=1.0, description="Smallest difference of durations that are compared ..."
    )
    longer_share: Margin = Field(default=0.25, description="... also as a share of the shorter one.")
    more_words: int = Field(
        default=5, ge=1, description="Smallest difference of word counts that are compared; also 40 %."
    )
    min_overlap: Margin = Field(
        default=0.8,
        validation_alias=AliasChoices("min_overlap", "together"),
        description="Smallest overlap of events that occur together.",
    )
    min_gap: Margin = Field(
        default=0.4,
        validation_alias=AliasChoices("min_gap", "apart"),
        description="Smallest gap between events that do not occur together.",
    )
    overlap: Margin = Field(default=0.4, description="Smallest duration of overlapping speech.")
    min_pause: Margin = Field(
        default=1.0,
        validation_alias=AliasChoices("min_pause", "again"),
        description="Smallest pause after which a sound occurs again.",
    )
    louder: Margin = Field(default=6.0, description="Smallest difference in dB of sounds' levels.")
    interval: Margin = Field(
        default=4.0, description="Smallest difference of voices' pitches, in semitones ..."
    )
    tempo: Margin = Field(default=0.25, description="... of their rates, as a share of the slower one ...")
    level: Margin = Field(default=4.0, description="... and of their levels, in dB.")
    voice_seconds: Margin = Field(
        default=1.5, description="Smallest duration of speech without overlap of voices that are compared."
    )
    pause: Margin = Field(default=0.7, description="Smallest pause within one speaker's speech.")
    soon: Margin = Field(default=4.0, description="Largest delay of what is 'right after'.")

    def longer(self, seconds: float, other: float) -> bool:
        """True if ``seconds`` exceeds ``other`` by both margins."""
        return seconds - other >= max(self.longer_seconds, self.longer_share * other)


class QaOptions(BaseModel):
    """Settings of the question stage: section ``questions`` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_clip: int = Field(default=8, ge=1, description="Largest number of questions per clip.")
    per_template: int = Field(
        default=1, ge=1, description="Largest number of questions per clip and template."
    )
    choices: int = Field(default=4, ge=2, le=8, description="Number of choices, if the fact has as many.")
    include: tuple[str, ...] = Field(default=(), description="Templates to use; empty for all.")
    exclude: tuple[str, ...] = Field(default=(), description="Templates to leave out.")
    share: dict[str, float] = Field(
        default={}, description="Template -> share of its questions to keep, from 0 to 1."
    )
    min_confidence: dict[str, float] = Field(
        default={}, description="Kind of fact -> smallest confidence of its weakest evidence."
    )
    balance: bool = Field(
        default=True, description="Subsample frequent answers to closed questions (yes/no, counts, speakers)."
    )
    unanswerable: float = Field(
        default=0.05,
        ge=0,
        le=0.125,
        description="Share of questions answered by 'None of these', where the kind of fact allows it. The "
        "choice is offered so often that it is right no more often than any other.",
    )
    reflection: Score = Field(
        default=0.1, description="Share of questions whose trace has a planted error that REFLECT corrects."
    )
    thresholds: Thresholds = Field(default_factory=Thresholds)
