"""Texts of templates, compiled once: Jinja in a sandbox, in which an undefined slot is an error.

Most texts only insert slots, or choose between two words. These are filled in without Jinja, with the same
result; Jinja itself renders all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from paqa_builder.errors import ConfigError

_jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

Slots = Mapping[str, Any]
_Value = Callable[[Slots], Any]


@dataclass(frozen=True)
class Text:
    """A compiled text.

    Attributes:
        source: The text of the template.
        start: Its beginning before the first slot.
        end: Its end after the last slot.
    """

    source: str
    start: str
    end: str
    _parts: tuple[_Value, ...] | None  # None: only Jinja can render it
    _template: Any

    def render(self, slots: Slots) -> str:
        """The text with its slots filled in.

        Raises:
            ConfigError: The text violates the sandbox or uses an undefined slot.
        """
        if self._parts is not None:
            try:
                return "".join([str(part(slots)) for part in self._parts])
            except KeyError:
                pass  # an undefined slot: Jinja names it
        try:
            return str(self._template.render(**slots))
        except TemplateError as error:
            raise ConfigError(f"template text {self.source!r}: {error}") from error

    def gives(self, text: str, slots: Slots) -> bool:
        """Whether the text with its slots filled in equals ``text``."""
        return text.startswith(self.start) and text.endswith(self.end) and self.render(slots) == text


def render(text: str, slots: Slots) -> str:
    """A template's text with its slots filled in.

    Raises:
        ConfigError: The text violates the sandbox or uses an undefined slot.
    """
    return compiled(text).render(slots) if "{" in text else text


@cache
def compiled(text: str) -> Text:
    """The compiled form of a template's text.

    Raises:
        ConfigError: The text is no valid template.
    """
    if "{" not in text:
        return Text(text, text, text, (_constant(text),), None)
    try:
        body, template = _jinja.parse(text).body, _jinja.from_string(text)
    except TemplateError as error:
        raise ConfigError(f"template text {text!r}: {error}") from error
    outputs = [node for part in body if isinstance(part, nodes.Output) for node in part.nodes]
    values = [_value(node) for node in outputs]
    if not outputs or None in values or not all(isinstance(part, nodes.Output) for part in body):
        return Text(text, "", "", None, template)
    return Text(text, _fixed(outputs[0]), _fixed(outputs[-1]), tuple(filter(None, values)), template)


def _fixed(node: nodes.Node) -> str:
    return node.data if isinstance(node, nodes.TemplateData) else ""


def _value(node: nodes.Node) -> _Value | None:
    """A function of the slots that computes a node's value; None where Jinja is needed.

    The function raises KeyError for an undefined slot.
    """
    if isinstance(node, nodes.TemplateData):
        return _constant(node.data)
    if isinstance(node, nodes.Const):
        return _constant(node.value)
    if isinstance(node, nodes.Name):
        name = node.name
        return lambda slots: slots[name]
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        condition, yes, no = _equality(node.test), _value(node.expr1), _value(node.expr2)
        if condition and yes and no:
            return lambda slots: yes(slots) if condition(slots) else no(slots)
    return None


def _constant(value: Any) -> _Value:
    return lambda slots: value


def _equality(node: nodes.Node) -> _Value | None:
    """``slot == 'text'``; None for other conditions."""
    if not (isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op == "eq"):
        return None
    left, right = _value(node.expr), _value(node.ops[0].expr)
    return (lambda slots: left(slots) == right(slots)) if left and right else None


def undeclared(text: str) -> set[str]:
    """Names of the slots that a text uses.

    Raises:
        TemplateError: The text is no valid template.
    """
    return meta.find_undeclared_variables(_jinja.parse(text))


__all__ = ["TemplateError", "Text", "compiled", "render", "undeclared"]
