"""Functions of an lmms-eval task that paqa exported: audio, prompt, and scores of answers.

The answer of a completion is the text of its last ``FINAL_ANSWER``, ``answer`` or ``RESPONSE`` element, or
all of it where it has none. It names a choice by its letter or by its text. A text is right by the rule of
MMAU and MMAR: it has all words of the answer, and no word that only other choices have.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

_WORD = re.compile(r"\b\w+\b")
_MARKUP = re.compile(r"[*`]+")
_ALONE = re.compile(r"\(?([A-Za-z])\)?[\s.:]*")
_FIRST = re.compile(r"(?:\(([A-Z])\)|([A-Z])[.:)])\s+(\S.*)", re.DOTALL)
_GIVEN = re.compile(
    r"\b(?:answer|option|choice)\b(?:\s+is)?:?\s*[*'\"“]*(?:\(([A-Z])\)|([A-Z])\b(?!\s+[a-z]))", re.IGNORECASE
)


def doc_to_audio(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """The audio of a question: mono samples and their rate."""
    import soundfile

    samples, rate = soundfile.read(Path(__file__).parent / doc["audio"], dtype="float32", always_2d=True)
    return [{"array": samples.mean(axis=1), "sampling_rate": rate}]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str] | None = None) -> str:
    """The prompt: question, choices with letters, instruction."""
    texts = lmms_eval_specific_kwargs or {}
    choices = "\n".join(f"{chr(ord('A') + n)}. {choice}" for n, choice in enumerate(doc["choices"]))
    return f"{texts.get('pre_prompt', '')}{doc['question']}\n{choices}{texts.get('post_prompt', '')}"


def doc_to_choice(doc: dict[str, Any]) -> list[str]:
    """The texts of the choices."""
    return list(doc["choices"])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """The score of the first completion."""
    right = predicted(results[0], doc["choices"]) == doc["answer_index"]
    groups = {
        name: doc[name] for name in ("skill", "level", "difficulty", "audio_contribution") if doc.get(name)
    }
    return {"accuracy": {"score": float(right), **groups}}


def aggregate(results: list[dict[str, Any]]) -> float:
    """Accuracy in percent; that of each skill and level goes to the log."""
    by: dict[tuple[str, str], list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.items():
            if name != "score":
                by[name, value].append(result["score"])
    for (name, value), scores in sorted(by.items()):
        logging.getLogger("paqa").info("%s %s: %.1f (%d)", name, value, _percent(scores), len(scores))
    return _percent([result["score"] for result in results])


def predicted(completion: str, choices: list[str]) -> int | None:
    """Index of the choice that a completion names; None if it names none, or several."""
    text = answer_of(completion)
    same = [n for n, choice in enumerate(choices) if _bare(choice) == _bare(text)]
    if same:
        return same[0]
    text = _MARKUP.sub("", text).strip()
    if alone := _ALONE.fullmatch(text):
        return _place(alone[1].upper(), choices)
    first = _FIRST.fullmatch(text)
    rest = first[3] if first else text
    named = [n for n, choice in enumerate(choices) if is_right(rest, choice, choices)]
    given = [(first[1] or first[2])] if first else [a or b for a, b in _GIVEN.findall(text)][-1:]
    place = _place(given[0].upper(), choices) if given else None
    if place is not None:
        return place if not named or named == [place] else None
    return named[0] if len(named) == 1 else None


def answer_of(completion: str) -> str:
    """The answer in a completion; empty where its element is not closed."""
    for tag in ("FINAL_ANSWER", "answer", "RESPONSE"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", completion, re.DOTALL)
        if found:
            return found[-1].replace("&lt;", "<").replace("&amp;", "&").strip()
    return "" if re.search(r"</?[A-Z_]+>", completion) else completion.strip()


def is_right(prediction: str, answer: str, choices: list[str]) -> bool:
    """True if a prediction has every word of the answer and no word of other choices alone."""
    wanted, said = _words(answer), _words(prediction)
    others = {word for choice in choices for word in _words(choice)} - wanted
    return bool(said) and wanted <= said and not said & others


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _bare(text: str) -> str:
    return text.strip().rstrip(". ").casefold()


def _place(letter: str, choices: list[str]) -> int | None:
    place = ord(letter) - ord("A")
    return place if 0 <= place < len(choices) else None


def _percent(scores: list[float]) -> float:
    return round(100 * sum(scores) / len(scores), 3) if scores else 0.0
