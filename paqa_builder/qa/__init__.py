"""Questions: from a scene's facts to items that are proved.

::

    templates = load_templates()
    corpus = Corpus.of(scenes)
    for scene in scenes:
        for question in generate(scene, corpus, templates, options, seed):
            assert not verify(question, scene, options, templates)

See ``docs/questions.md`` for how a question comes about and how to add a template.
"""

from paqa_builder.qa.corpus import Corpus
from paqa_builder.qa.generate import generate
from paqa_builder.qa.options import QaOptions, Thresholds
from paqa_builder.qa.question import Evidence, Question
from paqa_builder.qa.templates import Template, load_templates
from paqa_builder.qa.verify import verify

__all__ = [
    "Corpus", "Evidence", "QaOptions", "Question", "Template", "Thresholds", "generate",
    "load_templates", "verify",
]  # fmt: skip
