"""An optional language model, none of whose words is believed: any OpenAI-compatible endpoint.

:mod:`~paqa_builder.llm.rephrase` words questions and traces anew, :mod:`~paqa_builder.llm.propose`
has it choose what else to ask, :mod:`~paqa_builder.llm.blind` lets it guess without the audio.
What it writes is published only if :mod:`~paqa_builder.questions.traces.claims` finds that it
claims the same.
``docs/llm.md`` describes all of it. Nothing in here is used unless ``llm.url`` is set.
"""
