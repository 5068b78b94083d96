"""Optional language model behind an OpenAI-compatible endpoint; used only if ``llm.url`` is set.

:mod:`~paqa_builder.llm.rephrase` rewords questions and traces, :mod:`~paqa_builder.llm.propose` chooses
further questions, :mod:`~paqa_builder.llm.blind` answers questions without the audio. A new wording is
published only if :mod:`~paqa_builder.questions.traces.claims` finds the same claims in it. See
``docs/llm.md``.
"""
