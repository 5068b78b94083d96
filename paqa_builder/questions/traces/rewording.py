"""A language model's wording in the place of a template's, and the proof that it says the same."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from paqa_builder.questions import wording
from paqa_builder.questions.question import Question, Rewritten
from paqa_builder.questions.traces import claims, grammar

if TYPE_CHECKING:
    from paqa_builder.questions.templates import Template

TEXTS = ("question", "planning", "reasoning", "summary")
"""What may be reworded. CAPTION, REFLECT and the answers are never touched."""

_LABEL = re.compile(r"\([a-hA-H1-8]\)|\b(?:option|choice|answer)s?\s+\(?[A-H1-8]\b|^\s*[A-H][.)]\s")
_MARKUP = re.compile(r"[<>{}`*_#\\]|\n")
_LONGER, _SLACK = 2.0, 60


def texts_of(question: Question) -> dict[str, str]:
    """The four texts of a question as they stand.

    Raises:
        TraceError: Its trace is no trace.
    """
    trace = grammar.parse(question.trace)
    return {"question": question.question} | {name: getattr(trace, name) for name in TEXTS[1:]}


def faults(name: str, original: str, new: str, question: Question, template: Template) -> list[str]:
    """What keeps a new wording from standing in an old one's place; empty if nothing does.

    Args:
        name: Which of :data:`TEXTS` it is.
        question: Whose text it is; its choices must not show where they did not before.
    """
    if not new.strip() or new != new.strip():
        return ["empty or padded"]
    if len(new) > _LONGER * len(original) + _SLACK:
        return ["much longer"]
    if _MARKUP.search(new) and not _MARKUP.search(original):
        return ["markup"]
    if original[-1] in ".?!" and new[-1] != original[-1]:
        return ["another kind of sentence"]
    found = []
    if name == "question":
        said, before = f" {' '.join(wording.tokens(new))} ", f" {' '.join(wording.tokens(original))} "
        for choice in question.choices:
            phrase = f" {' '.join(wording.tokens(choice))} "
            if phrase in said and phrase not in before:
                found.append("a choice in the question")
                break
    if _LABEL.search(re.sub("“[^”]*”", "", new)):
        found.append("a choice's letter")
    odd = claims.differences(original, new, _vocabulary(template))
    found += dict.fromkeys(f"another {claim.kind}" for claim in odd)
    return found


def rewrite(question: Question, model: str, new: dict[str, str]) -> Question:
    """Puts new wordings in; the old ones are kept in ``rewritten``.

    Args:
        new: By name; those that equal the old one count as kept.
    """
    old = texts_of(question)
    changed = {name: text for name, text in new.items() if text != old[name]}
    if not changed:
        return question
    kept = {name: old[name] for name in changed}
    return replace(_with(question, changed), rewritten=Rewritten(model, **kept))


def restored(question: Question) -> Question:
    """The question as its template words it; one that was not reworded is returned as it is."""
    if question.rewritten is None:
        return question
    own = {name: text for name in TEXTS if (text := getattr(question.rewritten, name)) is not None}
    try:
        return replace(_with(question, own), rewritten=None)
    except grammar.TraceError:
        return replace(question, rewritten=None, question=own.get("question", question.question))


def problems(question: Question, template: Template) -> list[str]:
    """Says where a published wording claims something else than the template's; empty if nowhere."""
    made = question.rewritten
    if made is None:
        return []
    try:
        now = texts_of(question)
    except grammar.TraceError as error:
        return [f"trace: {problem}" for problem in error.problems]
    found = [] if made.model else ["rewritten: nobody is named"]
    own = {name: text for name in TEXTS if (text := getattr(made, name)) is not None}
    if not own:
        found.append("rewritten: nothing is")
    before = restored(question)
    for name, text in own.items():
        if text == now[name]:
            found.append(f"rewritten: {name} is as it was")
        wrong = faults(name, text, now[name], before, template)
        found += [f"rewritten: {name}: {fault}" for fault in wrong]
    return found


def _with(question: Question, texts: dict[str, str]) -> Question:
    inside = {name: text for name, text in texts.items() if name != "question"}
    trace = question.trace
    if inside:
        trace = grammar.write(replace(grammar.parse(trace), **inside))
    return replace(question, question=texts.get("question", question.question), trace=trace)


def _vocabulary(template: Template) -> frozenset[str]:
    return _words((*template.phrasings, *template.planning, *template.statement))


@lru_cache(maxsize=512)
def _words(texts: tuple[str, ...]) -> frozenset[str]:
    return claims.vocabulary(texts)
