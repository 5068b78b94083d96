"""Public names of :mod:`paqa_builder.perception.backends.base` for plugins."""

from paqa_builder.perception.backends.base import (
    AudioInput,
    Backend,
    Diarizer,
    Measured,
    Measurer,
    Options,
    RejectedWords,
    Separator,
    Span,
    Speech,
    Tagger,
    Transcriber,
)

# Names before version 0.2, which plugins may use.
Heard = AudioInput
Dropped = RejectedWords

__all__ = [
    "AudioInput", "Backend", "Diarizer", "Dropped", "Heard", "Measured", "Measurer", "Options",
    "RejectedWords", "Separator", "Span", "Speech", "Tagger", "Transcriber",
]  # fmt: skip
