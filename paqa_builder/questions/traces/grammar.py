"""Writer, parser and validator of traces.

::

    <THINK>
    <PLANNING>what to listen for</PLANNING>
    <CAPTION>
    <ENV>sounds with times</ENV>
    <SPEAKER>speakers with times</SPEAKER>
    <ASR>transcript</ASR>
    <DESCRIPTION>the clip in one sentence</DESCRIPTION>
    </CAPTION>
    <REASONING>from evidence to answer</REASONING>
    <SUMMARY>conclusion</SUMMARY>
    </THINK>
    <RESPONSE>answer</RESPONSE>

``<REFLECT>`` and ``<FINAL_ANSWER>``, which correct the first response, are optional and occur together.
The elements come in this order, each exactly once, with only white space between them. The text of an
element is preserved exactly: ``<`` is written ``&lt;``, and ``&`` is written ``&amp;`` where it would
read as one of these two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Containers hold only elements, leaves hold only text.
_TREE: dict[str, tuple[str, ...]] = {
    "THINK": ("PLANNING", "CAPTION", "REASONING", "SUMMARY"),
    "CAPTION": ("ENV", "SPEAKER", "ASR", "DESCRIPTION"),
}
_TOP = ("THINK", "RESPONSE", "REFLECT", "FINAL_ANSWER")
_OPTIONAL = ("REFLECT", "FINAL_ANSWER")
LEAVES = (
    "PLANNING", "ENV", "SPEAKER", "ASR", "DESCRIPTION", "REASONING", "SUMMARY", "RESPONSE",
    "REFLECT", "FINAL_ANSWER",
)  # fmt: skip
TAGS = (*_TREE, *LEAVES)

_MOST_PROBLEMS = 100
_TAG = re.compile(r"<(/?)([A-Za-z_]+)>")
_ESCAPE = re.compile(r"<|&(?=(?:lt|amp);)")
_UNESCAPE = re.compile(r"&(lt|amp);")


@dataclass(frozen=True, slots=True)
class Trace:
    """Unescaped texts of a trace. ``reflect`` and ``final_answer`` are either both given or both None."""

    planning: str
    env: str
    speaker: str
    asr: str
    description: str
    reasoning: str
    summary: str
    response: str
    reflect: str | None = None
    final_answer: str | None = None

    def __post_init__(self) -> None:
        if (self.reflect is None) != (self.final_answer is None):
            raise ValueError("a trace has both REFLECT and FINAL_ANSWER, or neither")

    @property
    def answer(self) -> str:
        """The last answer of the trace."""
        return self.response if self.final_answer is None else self.final_answer


class TraceError(ValueError):
    """A text violates the grammar. ``problems`` lists the violations with line and column."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def escape(text: str) -> str:
    """Escapes a text for use within an element."""
    return _ESCAPE.sub(lambda m: "&lt;" if m[0] == "<" else "&amp;", text)


def unescape(text: str) -> str:
    """Inverse of :func:`escape`."""
    return _UNESCAPE.sub(lambda m: "<" if m[1] == "lt" else "&", text)


def write(trace: Trace) -> str:
    """Serializes a trace; inverse of :func:`parse`."""

    def element(tag: str) -> str | None:
        if tag in _TREE:
            return "\n".join([f"<{tag}>", *filter(None, map(element, _TREE[tag])), f"</{tag}>"])
        text = getattr(trace, tag.lower())
        return None if text is None else f"<{tag}>{escape(text)}</{tag}>"

    return "\n".join(filter(None, map(element, _TOP)))


def complete(trace: Trace) -> bool:
    """Whether no element is empty, so that :func:`parse` accepts what :func:`write` writes."""
    texts = (getattr(trace, leaf.lower()) for leaf in LEAVES)
    return all(text is None or text.strip() for text in texts)


def parse(text: str) -> Trace:
    """Parses a trace.

    Raises:
        TraceError: The text violates the grammar.
    """
    problems, texts = _read(text)
    if problems:
        raise TraceError(problems)
    return Trace(**{tag.lower(): text for tag, text in texts.items()})


def validate(text: str) -> list[str]:
    """Violations of the grammar, with line and column; empty if the text is a trace."""
    return _read(text)[0]


def _read(text: str) -> tuple[list[str], dict[str, str]]:
    """Violations, and the texts of the leaves up to the first one that stops the parser."""
    problems: list[str] = []
    texts: dict[str, str] = {}
    children: dict[str, list[str]] = {"": []}
    path: list[str] = []
    at = 0
    for match in _TAG.finditer(text):
        if len(problems) >= _MOST_PROBLEMS:  # the place of each is counted from the beginning
            return problems, texts
        closing, tag = match[1] == "/", match[2]
        between, offset = text[at : match.start()], match.start()
        at = match.end()
        if tag not in TAGS:
            problems.append(f"{_place(text, offset)}: unknown tag {match[0]}")
            continue
        inside = path[-1] if path else ""
        if inside in LEAVES:
            if not (closing and tag == inside):
                problems.append(
                    f"{_place(text, offset)}: {match[0]} inside <{inside}>, which holds only text"
                )
                return problems, texts
            texts[tag] = unescape(between)
            if not between.strip():
                problems.append(f"{_place(text, offset)}: <{tag}> is empty")
            path.pop()
            continue
        if between.strip():
            problems.append(f"{_place(text, offset)}: text outside the elements: {between.strip()[:40]!r}")
        if closing:
            if tag != inside:
                problems.append(f"{_place(text, offset)}: {match[0]} without an open <{tag}>")
                return problems, texts
            path.pop()
            continue
        siblings = children.setdefault(inside, [])
        if tag in siblings:
            problems.append(f"{_place(text, offset)}: a second <{tag}>")
        siblings.append(tag)
        path.append(tag)
    if path:
        problems.append(f"{_place(text, len(text))}: <{path[-1]}> is never closed")
    elif text[at:].strip():
        problems.append(f"{_place(text, at)}: text outside the elements: {text[at:].strip()[:40]!r}")
    for parent, wanted in (("", _TOP), *_TREE.items()):
        if parent == "" or parent in children or any(parent in seen for seen in children.values()):
            problems += _compare(parent, wanted, children.get(parent, []))
    return problems, texts


def _compare(parent: str, wanted: tuple[str, ...], seen: list[str]) -> list[str]:
    """Violations in the children of one element: unknown, missing or misplaced tags."""
    where = f"<{parent}>" if parent else "the trace"
    problems = [f"<{tag}> does not belong in {where}" for tag in seen if tag not in wanted]
    known = [tag for tag in dict.fromkeys(seen) if tag in wanted]
    problems += [f"{where} lacks <{tag}>" for tag in wanted if tag not in known and tag not in _OPTIONAL]
    if len({tag in known for tag in _OPTIONAL if tag in wanted}) == 2:
        problems.append("REFLECT and FINAL_ANSWER come together or not at all")
    order = [tag for tag in wanted if tag in known]
    if known != order:
        problems.append(f"{where} has {', '.join(known)} where the order is {', '.join(order)}")
    return problems


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - (text.rfind(chr(10), 0, offset) + 1) + 1}"
