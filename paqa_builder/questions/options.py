"""Settings of the question stage: number and kinds of questions, and thresholds of certainty."""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Thresholds(BaseModel):
    """Scores and margins (in seconds) below which a fact abstains.

    Scores do not apply to ground truth. Margins do, because listeners do not notice that one sound starts
    50 ms before another. The earlier names ``together``, ``apart`` and ``again`` of ``min_overlap``,
    ``min_gap`` and ``min_pause`` are still read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: float = Field(
        default=0.75, ge=0, le=1, description="A model's tag counts as heard from this score."
    )
    voice_event: float = Field(
        default=0.85,
        ge=0,
        le=1,
        description="The same for laughter, coughs and the like beside speech, which leaks.",
    )
    event_edge: float = Field(
        default=1.0, ge=0, description="A model's onset or offset may be this many seconds off."
    )
    turn: float = Field(
        default=0.8, ge=0, le=1, description="Every turn of a second or more is at least this sure."
    )
    handover: float = Field(
        default=0.15,
        ge=0,
        description="Where a model lets two voices meet this closely, it may have cut one voice in two.",
    )
    word: float = Field(default=0.85, ge=0, le=1, description="Every word of a quote is at least this sure.")
    speaker_seconds: float = Field(
        default=1.5, ge=0, description="A model's speaker with less speech than this may be a phantom."
    )
    order: float = Field(default=0.5, ge=0, description="Two onsets this far apart have an order.")
    longer_seconds: float = Field(default=1.0, ge=0, description="Longest means longer by this much ...")
    longer_share: float = Field(default=0.25, ge=0, description="... and by this share of the shorter one.")
    more_words: int = Field(default=5, ge=1, description="More words means more by this many, and by 40 %.")
    min_overlap: float = Field(
        default=0.8,
        ge=0,
        validation_alias=AliasChoices("min_overlap", "together"),
        description="Two things that happen together do so this long.",
    )
    min_gap: float = Field(
        default=0.4,
        ge=0,
        validation_alias=AliasChoices("min_gap", "apart"),
        description="Two things that never meet stay this far apart.",
    )
    overlap: float = Field(
        default=0.4, ge=0, description="Voices overlap if they do so this long in one stretch."
    )
    min_pause: float = Field(
        default=1.0,
        ge=0,
        validation_alias=AliasChoices("min_pause", "again"),
        description="A sound returns after a pause of at least this.",
    )
    louder: float = Field(default=6.0, ge=0, description="One thing is louder than another by this many dB.")
    interval: float = Field(
        default=4.0, ge=0, description="One voice is higher than another by this many semitones ..."
    )
    tempo: float = Field(default=0.25, ge=0, description="... faster by this share of the slower one ...")
    level: float = Field(default=4.0, ge=0, description="... and louder by this many dB.")
    voice_seconds: float = Field(
        default=1.5, ge=0, description="A voice is compared if there is this much speech of its own."
    )
    pause: float = Field(default=0.7, ge=0, description="A pause within one person's speech lasts this long.")
    soon: float = Field(default=4.0, ge=0, description="'Right after' ends after this many seconds.")

    def longer(self, seconds: float, other: float) -> bool:
        """Whether a duration is longer than another by a margin that listeners notice."""
        return seconds - other >= max(self.longer_seconds, self.longer_share * other)


class QaOptions(BaseModel):
    """The question stage's settings. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_clip: int = Field(default=8, ge=1, description="At most this many questions on one clip.")
    per_template: int = Field(default=1, ge=1, description="At most this many from one template on one clip.")
    choices: int = Field(
        default=4, ge=2, le=8, description="Choices per question, where the fact has as many."
    )
    include: tuple[str, ...] = Field(default=(), description="Only these templates; empty for all.")
    exclude: tuple[str, ...] = Field(default=(), description="Not these templates.")
    share: dict[str, float] = Field(
        default={}, description="By template: the share of its questions to keep, from 0 to 1."
    )
    min_confidence: dict[str, float] = Field(
        default={}, description="By fact: abstain where its weakest evidence is less sure than this."
    )
    balance: bool = Field(
        default=True, description="Thin out frequent answers to closed questions (yes/no, counts, speakers)."
    )
    unanswerable: float = Field(
        default=0.05,
        ge=0,
        le=0.125,
        description="Share of the questions whose kind allows it that have 'None of these' as their "
        "answer; it is a choice in so many times more that it is right no more often than any other.",
    )
    reflection: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of questions whose trace has a planted error that REFLECT corrects.",
    )
    thresholds: Thresholds = Field(default_factory=Thresholds)
