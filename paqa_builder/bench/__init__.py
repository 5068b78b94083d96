"""Scoring of a finished build against ground truth (``paqa bench``); see ``docs/bench.md``.

- :mod:`~paqa_builder.bench.formats` reads ground truth, :mod:`~paqa_builder.bench.build` reads a build.
- ``diarization``, ``transcription``, ``events`` and ``separation`` score one kind of record each, by clip;
  ``verdicts`` judges every question by the ground truth.
- :mod:`~paqa_builder.bench.score` runs them all, :mod:`~paqa_builder.bench.measures` aggregates over clips.
- ``table``, ``plots`` and ``page`` report the results.

The packages of the ``eval`` extra are imported by the functions that need them.
"""
