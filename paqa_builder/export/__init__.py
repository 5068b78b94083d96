"""Export of shards into the formats of other tools: trainers, speech toolkits and annotation editors.

``paqa export SHARDS --to FORMAT DIR``; ``docs/export.md`` lists the formats. Audio is written once for all
formats in a folder. A format is a class in one file; :mod:`paqa_builder.export.base` describes how to add
one.
"""

from paqa_builder.export.base import (
    AudioFile,
    ClipFileFormat,
    ExportClip,
    ExportFormat,
    ExportOptions,
    QuestionFormat,
)
from paqa_builder.export.output import Output
from paqa_builder.export.run import ExportReport, export

__all__ = [
    "AudioFile",
    "ClipFileFormat",
    "ExportClip",
    "ExportFormat",
    "ExportOptions",
    "ExportReport",
    "Output",
    "QuestionFormat",
    "export",
]
