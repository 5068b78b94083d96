"""Annotation files of other tools, read as ground truth (`paqa build --truth`).

================================ ==========================================================
file                             layers
================================ ==========================================================
``*.rttm``                       turns
``*.ctm``                        utterances, from words
``*.TextGrid``, ``*.eaf``        by tier (:mod:`paqa_builder.annotations.tiers`)
``NAME.turns.txt`` (Audacity)    turns; likewise ``.tags.txt`` and ``.utterances.txt``
``*.json`` (Label Studio)        by control (:mod:`paqa_builder.annotations.label_studio`)
================================ ==========================================================

``docs/sources.md`` describes them for users. Everything is read within bounds.
"""

from paqa_builder.annotations.files import read_annotations
from paqa_builder.annotations.match import annotated

__all__ = ["annotated", "read_annotations"]
