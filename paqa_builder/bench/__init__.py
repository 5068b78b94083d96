"""Scoring a finished build against ground truth: ``paqa bench``; see ``docs/bench.md``.

- :mod:`~paqa_builder.bench.formats` reads ground truth, :mod:`~paqa_builder.bench.build` a build;
- ``diarization``, ``transcription``, ``events``, ``separation`` score one kind of record each, clip by
  clip; ``verdicts`` answers every question again from ground truth;
- :mod:`~paqa_builder.bench.score` puts them together, :mod:`~paqa_builder.bench.measures` sums them up;
- ``table``, ``plots`` and ``page`` show them.

Everything beyond the core comes with the ``eval`` extra and is imported by the function that needs it.
"""
