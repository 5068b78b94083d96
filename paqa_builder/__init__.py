"""PAQA Builder: perception-grounded question answering data from raw audio.

The package is layered so that importing it costs nothing: heavy libraries are imported by the code
that needs them, when it needs them. Start reading at :mod:`paqa_builder.records` (what is known of
a clip), then :mod:`paqa_builder.perception.stage` (how it gets known) and
:mod:`paqa_builder.questions` (what is asked about it).
"""

__version__ = "0.1.0"
