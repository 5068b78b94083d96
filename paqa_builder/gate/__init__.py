"""Can the questions be answered without the audio? A solver that only reads, and a gate in the build.

:mod:`~paqa_builder.gate.solver` answers from the text alone, :mod:`~paqa_builder.gate.score` says
how far above chance that is, :mod:`~paqa_builder.gate.gate` decides what to do about it.
``docs/check.md`` describes all three.
"""
