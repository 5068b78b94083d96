"""The blind gate: finds and removes questions that can be answered without the audio.

:mod:`~paqa_builder.gate.solver` answers questions from their text alone, :mod:`~paqa_builder.gate.score`
compares its accuracy with chance, :mod:`~paqa_builder.gate.gate` decides which questions are published.
``docs/check.md`` describes all three.
"""
