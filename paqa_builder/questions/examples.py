"""Scenes from the short form in templates' examples, and examples as tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paqa_builder.errors import ConfigError
from paqa_builder.questions.facts.base import Fact, kind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import (
    Example,
    MiniLayers,
    MiniMeasures,
    MiniScene,
    Template,
    load_templates,
)
from paqa_builder.records import (
    TRUTH,
    AudioInfo,
    Clip,
    CorpusQuestion,
    EventMeasure,
    Measures,
    Origin,
    Scene,
    Tag,
    Truth,
    Turn,
    Utterance,
    VoiceMeasure,
    Word,
)

# Confidence of an example's records; tags have their own scores.
_SURE = 0.95
_MODELS = {
    "turns": Origin("diarize", "example", "1"),
    "tags": Origin("tag", "example", "1"),
    "utterances": Origin("transcribe", "example", "1"),
}
_TRUTH = dict.fromkeys(_MODELS, Origin(TRUTH, "example", "1"))


def scene_of(mini: MiniScene, clip_id: str = "example") -> Scene:
    """The scene that a :class:`MiniScene` describes."""
    truth = Truth()
    if mini.truth is not None:
        turns, tags, utterances = _layers(mini.truth, _TRUTH, mini.duration)
        truth = Truth(turns, tags, utterances, mini.tags_complete)
    asked = tuple(
        CorpusQuestion(str(n), text, tuple(choices), answer)
        for n, (text, choices, answer) in enumerate(mini.questions)
    )
    clip = Clip(clip_id, "example", "train", f"{clip_id}.wav", truth=truth, questions=asked)
    turns, tags, utterances = _layers(mini, _MODELS, mini.duration)
    audio = AudioInfo(mini.duration, 16_000, 1, "0" * 64)
    return Scene(
        clip, audio, turns=turns, tags=tags, utterances=utterances, measures=_measures(mini.measures)
    )


def _measures(mini: MiniMeasures | None) -> Measures | None:
    if mini is None:
        return None
    voices = tuple(
        VoiceMeasure(name, v.seconds, v.pitch, v.spread, v.rate, tuple(v.pauses), v.level)
        for name, v in mini.voices.items()
    )
    events = tuple(EventMeasure(*event) for event in mini.events)
    origin = Origin("measure", "example", "1")
    return Measures(mini.snr, mini.loudness, mini.quality, mini.overlap, voices, events, origin)


def _layers(
    mini: MiniLayers, origins: dict[str, Origin], duration: float
) -> tuple[tuple[Turn, ...] | None, tuple[Tag, ...] | None, tuple[Utterance, ...] | None]:
    turns = tags = utterances = None
    if mini.turns is not None:
        turns = tuple(Turn(a, b, who, _SURE, origins["turns"]) for a, b, who in mini.turns)
    if mini.tags is not None:
        origin = origins["tags"]
        stem = "clip" if origin.is_truth else "background"
        tags = tuple(
            Tag(0.0, duration, item, 1.0, stem, False, origin)
            if isinstance(item, str)
            else Tag(*item, stem, True, origin)
            for item in mini.tags
        )
    if mini.utterances is not None:
        meanings = [*mini.translations, *[None] * len(mini.utterances)]
        utterances = tuple(
            Utterance(
                a, b, who, text, _words(a, b, text), mini.language, _SURE, origins["utterances"],
                meaning, "en" if meaning else None,
            )
            for (a, b, who, text), meaning in zip(mini.utterances, meanings, strict=False)
        )  # fmt: skip
    return turns, tags, utterances


def _words(start: float, end: float, text: str) -> tuple[Word, ...]:
    parts = text.split()
    step = (end - start) / max(1, len(parts))
    return tuple(
        Word(start + n * step, end if n + 1 == len(parts) else start + (n + 1) * step, part, _SURE)
        for n, part in enumerate(parts)
    )


def run_example(template: Template, example: Example) -> list[str]:
    """Differences between a template's behaviour and its example; empty if there are none."""
    reading, fact_kind = Interpretation(scene_of(example.scene)), kind(template.fact)
    asked: list[Fact] = [fact for fact in fact_kind.facts(reading) if template.asks(fact)]
    questions = "; ".join(f"{template.questions(f)[0]} {f.answer}" for f in asked) or "nothing"
    if example.question is None:
        return [f"abstention expected, but it asks: {questions}"] if asked else []
    matching = [
        fact
        for fact in asked
        if template.questions(fact)[0] == example.question and fact.answer == example.answer
    ]
    if not matching:
        return [f"{example.question} {example.answer}: not asked; it asks: {questions}"]
    expected = {
        True: [] if example.answer is None else [example.answer],
        False: example.wrong,
        None: example.unsure,
    }  # fmt: skip
    return [
        f"{choice!r} is judged {verdict}, not {wanted}"
        for wanted, choices in expected.items()
        for choice in choices
        if (verdict := fact_kind.judge(reading, matching[0].about, choice).true) is not wanted
    ]


def check_examples(paths: Sequence[str | Path]) -> None:
    """Runs the examples of the templates in these folders or files.

    Raises:
        ConfigError: A template does not do what its example says.
    """
    builtin = {template.name for template in load_templates()}
    for template in load_templates(paths):
        for number, example in enumerate(() if template.name in builtin else template.examples, 1):
            if problems := run_example(template, example):
                raise ConfigError(
                    f"template {template.name!r}, example {number}: {problems[0]}",
                    fix="correct the template or its example; docs/questions.md explains both",
                )
