"""Generation and verification of multiple-choice questions about scenes.

::

    templates = load_templates()
    corpus = Corpus.of(scenes)
    for scene in scenes:
        for question in generate(scene, corpus, templates, options, seed):
            assert not verify(question, scene, options, templates)

``docs/questions.md`` describes the steps, and how to add a template.
"""

from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.generate import generate
from paqa_builder.questions.options import QaOptions, Thresholds
from paqa_builder.questions.question import Evidence, Question
from paqa_builder.questions.templates import Template, load_templates
from paqa_builder.questions.verify import verify

__all__ = [
    "Corpus", "Evidence", "QaOptions", "Question", "Template", "Thresholds", "generate",
    "load_templates", "verify",
]  # fmt: skip
