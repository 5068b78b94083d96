"""The catalogue of question templates as a page of documentation: ``docs/templates.md``.

``paqa ls templates --markdown`` prints it; a test keeps the page in the repository true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from paqa_builder.questions.facts.base import AnswerType, FactKind, kind, kinds
from paqa_builder.questions.templates import LEVELS, Template

_LEVELS = {
    "speech_environment": "Sounds, and speech as one of them",
    "speaker_speaker": "Speakers and their words",
    "both": "Speakers and sounds together",
}
_FORMS = {
    AnswerType.SOUND: "a sound",
    AnswerType.SPEAKER: "a speaker, by number of first appearance",
    AnswerType.QUOTE: "words that are said",
    AnswerType.WORD: "a single word",
    AnswerType.TRANSLATION: "a sentence in another language",
    AnswerType.NUMBER: "a number",
    AnswerType.YES_NO: "yes or no",
    AnswerType.LISTED: "one of a list",
    AnswerType.PAIR: "two sounds",
    AnswerType.SEQUENCE: "an order of sounds",
}


def page(templates: Sequence[Template]) -> str:
    """The whole page in Markdown."""
    skills = sorted({template.skill for template in templates})
    lines = [
        "# Question templates",
        "",
        "Made by `paqa ls templates --markdown > docs/templates.md`; do not edit it by hand.",
        f"There are {len(templates)} templates over {len(skills)} skills. How they work, and how to add one:",
        "[questions.md](questions.md).",
        "",
        "| skill | templates |",
        "| --- | --- |",
        *(f"| {skill} | {_names(t for t in templates if t.skill == skill)} |" for skill in skills),
    ]
    for level in LEVELS:
        lines += ["", f"## {_LEVELS[level]}"]
        there = sorted((t for t in templates if t.level == level), key=lambda t: (t.skill, t.name))
        for skill, group in groupby(there, key=lambda t: t.skill):
            lines += ["", f"### {skill.capitalize()}"]
            for template in group:
                lines += ["", *_template(template)]
    used = {template.fact for template in templates}
    lines += [
        "",
        "## Kinds of fact",
        "",
        "What a template's `fact` may be. Slots are what its texts may use; a kind abstains where a layer",
        "that it needs is unknown.",
        "",
        "| kind (slots) | answer | needs | what it says |",
        "| --- | --- | --- | --- |",
        *(_kind(of) for of in kinds().values() if of.name in used),
    ]
    return "\n".join(lines) + "\n"


def _names(templates: Iterable[Template]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(template.name for template in templates))


def _template(template: Template) -> list[str]:
    when = f", when `{template.when}`" if template.when else ""
    example = next(e for e in template.examples if e.question is not None)
    wrong = f" (not {'; '.join(map(_plain, example.wrong))})" if example.wrong else ""
    answer = "a choice from the corpus" if example.answer is None else _plain(example.answer)
    return [
        f"**`{template.name}`**: from the fact `{template.fact}`{when}; the answer is "
        f"{_FORMS[kind(template.fact).form]}.",
        "",
        *(f"- {_plain(text)}" for text in template.phrasings),
        "",
        f"Example: {_plain(example.question or '')} **{answer}**{wrong}",
    ]


def _kind(of: FactKind) -> str:
    slots = f" ({', '.join(of.slots)})" if of.slots else ""
    first = " ".join((type(of).__doc__ or "").split("\n\n")[0].split())
    return f"| `{of.name}`{slots} | {_FORMS[of.form]} | {', '.join(of.needs)} | {_plain(first)} |"


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
