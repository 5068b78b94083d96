"""Scenes with exact truth: speakers, sounds and rooms mixed by a specification.

The way of a scene: :mod:`~paqa_builder.mix.spec` (what to mix) and :mod:`~paqa_builder.mix.recordings`
(what from) → :mod:`~paqa_builder.mix.design` (decides one scene; with :mod:`~paqa_builder.mix.layout`
for times and :mod:`~paqa_builder.mix.casting` for who fills them) →
:mod:`~paqa_builder.mix.scene` (the scene in every detail, as records and JSON) →
:mod:`~paqa_builder.mix.render` (audio and stems) → :mod:`~paqa_builder.mix.truth_files` (manifest, RTTM,
STM, JAMS). :mod:`~paqa_builder.mix.folder` writes many of them. ``docs/mix.md`` tells the story.
"""
