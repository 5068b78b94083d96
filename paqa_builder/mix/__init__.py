"""Synthetic scenes with exact ground truth: speakers, sounds and rooms mixed by a specification.

Data flow: :mod:`~paqa_builder.mix.spec` (specification) and :mod:`~paqa_builder.mix.recordings` (pools)
→ :mod:`~paqa_builder.mix.design` (designs a scene, with :mod:`~paqa_builder.mix.layout` for its times and
:mod:`~paqa_builder.mix.casting` for its speakers and sounds) → :mod:`~paqa_builder.mix.scene` (the design
as records and JSON) → :mod:`~paqa_builder.mix.render` (audio and stems) →
:mod:`~paqa_builder.mix.truth_files` (manifest, RTTM, STM, JAMS). :mod:`~paqa_builder.mix.folder` mixes a
folder of scenes. The guide is ``docs/mix.md``.
"""
