"""Replacement of a template's wording by a language model's, and the check that the claims are the same."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from paqa_builder.questions import wording
from paqa_builder.questions.question import Question, Rewritten
from paqa_builder.questions.traces import claims, grammar
from paqa_builder.questions.wording import without_quotes

if TYPE_CHECKING:
    from paqa_builder.questions.templates import Template

TEXTS = ("question", "planning", "reasoning", "summary")
"""Texts that may be reworded. CAPTION, REFLECT and the answers stay unchanged."""

_LABEL = re.compile(r"\([a-hA-H1-8]\)|\b(?:option|choice|answer)s?\s+\(?[A-H1-8]\b|^\s*[A-H][.)]\s")
_MARKUP = re.compile(r"[<>{}`*_#\\]|\n")
_LONGER, _SLACK = 2.0, 60


def texts_of(question: Question) -> dict[str, str]:
    """The current four texts of a question.

    Raises:
        TraceError: The trace violates the grammar.
    """
    trace = grammar.parse(question.trace)
    return {"question": question.question} | {name: getattr(trace, name) for name in TEXTS[1:]}


def faults(name: str, original: str, new: str, question: Question, template: Template) -> list[str]:
    """Reasons to reject a new wording; empty if it is acceptable.

    Args:
        name: One of :data:`TEXTS`.
        question: The text's question. The new wording must not name a choice that the original does not.
    """
    if not new.strip() or new != new.strip():
        return ["empty or padded"]
    if len(new) > _LONGER * len(original) + _SLACK:
        return ["much longer"]
    if _MARKUP.search(new) and not _MARKUP.search(original):
        return ["markup"]
    if original[-1] in ".?!" and new[-1] != original[-1]:
        return ["another kind of sentence"]
    reasons = []
    if name == "question":
        after, before, *choices = (
            f" {' '.join(wording.tokens(text))} " for text in (new, original, *question.choices)
        )
        if any(choice in after and choice not in before for choice in choices):
            reasons.append("a choice in the question")
    if _LABEL.search(without_quotes(new)):
        reasons.append("a choice's letter")
    vocabulary = _vocabulary((*template.phrasings, *template.planning, *template.statement))
    odd = claims.differences(original, new, vocabulary)
    return reasons + list(dict.fromkeys(f"another {claim.kind}" for claim in odd))


def rewrite(question: Question, model: str, new: dict[str, str]) -> Question:
    """Replaces texts by new wordings, and keeps the originals in ``rewritten``.

    Args:
        new: New wordings by name. Unchanged ones are ignored.
    """
    old = texts_of(question)
    changed = {name: text for name, text in new.items() if text != old[name]}
    if not changed:
        return question
    originals = {name: old[name] for name in changed}
    return replace(_with(question, changed), rewritten=Rewritten(model, **originals))


def restored(question: Question) -> Question:
    """The question in its template's wording."""
    if question.rewritten is None:
        return question
    originals = _originals(question.rewritten)
    try:
        return replace(_with(question, originals), rewritten=None)
    except grammar.TraceError:
        return replace(question, rewritten=None, question=originals.get("question", question.question))


def problems(question: Question, template: Template) -> list[str]:
    """Problems of a published wording, such as claims that the template's wording does not make."""
    rewritten = question.rewritten
    if rewritten is None:
        return []
    try:
        current = texts_of(question)
    except grammar.TraceError as error:
        return [f"trace: {problem}" for problem in error.problems]
    found = [] if rewritten.model else ["rewritten: no model is named"]
    originals = _originals(rewritten)
    if not originals:
        found.append("rewritten: there is no original text")
    before = restored(question)
    for name, text in originals.items():
        if text == current[name]:
            found.append(f"rewritten: {name} equals the original")
        reasons = faults(name, text, current[name], before, template)
        found += [f"rewritten: {name}: {reason}" for reason in reasons]
    return found


def _originals(rewritten: Rewritten) -> dict[str, str]:
    return {name: text for name in TEXTS if (text := getattr(rewritten, name)) is not None}


def _with(question: Question, texts: dict[str, str]) -> Question:
    parts = {name: text for name, text in texts.items() if name != "question"}
    trace = grammar.write(replace(grammar.parse(question.trace), **parts)) if parts else question.trace
    return replace(question, question=texts.get("question", question.question), trace=trace)


_vocabulary = lru_cache(maxsize=512)(claims.vocabulary)
