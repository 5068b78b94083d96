"""Public names for authors of models: those of :mod:`paqa_builder.perception.backends.base`.

Plugins import from here, so that a move of the code behind it changes no plugin.
"""

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

# The names of these two before version 0.2, which plugins may still use in annotations.
Heard = AudioInput
Dropped = RejectedWords

__all__ = [
    "AudioInput", "Backend", "Diarizer", "Dropped", "Heard", "Measured", "Measurer", "Options",
    "RejectedWords", "Separator", "Span", "Speech", "Tagger", "Transcriber",
]  # fmt: skip
