"""Facts: statements about a scene that its records prove and that questions ask for.

Code finds and judges facts; templates turn them into questions. To add a kind, subclass one of the bases in
:mod:`paqa_builder.questions.facts.bases` and decorate it with :func:`register`.
"""

from paqa_builder.questions.facts.base import (
    AnswerType,
    Distractors,
    Fact,
    FactKind,
    Verdict,
    kind,
    kinds,
    register,
)  # fmt: skip

__all__ = ["AnswerType", "Distractors", "Fact", "FactKind", "Verdict", "kind", "kinds", "register"]
