"""Names for authors of models: the same as :mod:`paqa_builder.perception.backends.base`.

Plugins import from here, so that they keep working wherever the code behind it moves.
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

__all__ = [
    "Backend", "Diarizer", "Dropped", "Heard", "Measured", "Measurer", "Options", "Separator", "Span",
    "Speech", "Tagger", "Transcriber",
]  # fmt: skip
