"""Reflection: a trace that mishears one record at first, finds the error and corrects it.

A :class:`~paqa_builder.questions.question.PlantedError` says which record is misheard. The first half of
the trace is written from the scene with that error, so that CAPTION, REASONING and RESPONSE agree with one
another and are wrong together. REFLECT goes back to the record and corrects it. The planted error is
published with the question, so that the first half is never taken for evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import islice
from typing import Any, TypeVar

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.choices.choices import Choices
from paqa_builder.questions.facts.base import AnswerType, Fact, kind
from paqa_builder.questions.question import PlantedError
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template, render
from paqa_builder.questions.traces.grammar import Trace
from paqa_builder.questions.traces.trace import in_sentence, trace_of
from paqa_builder.records import Scene, Tag, Turn
from paqa_builder.seeded import digest, pick

# Slips to try before a question goes without reflection.
_PATIENCE = 16
R = TypeVar("R", Tag, Turn)


def slips(reading: Interpretation, choices: Choices, form: AnswerType) -> Iterator[PlantedError]:
    """Every possible error that could change an answer, in the order of the records."""
    if reading.knows("tags"):
        for sound in reading.sounds.heard:
            start, end = (sound.onset, sound.offset) if sound.spans else (0.0, reading.duration)
            for span in dict.fromkeys(((start, end), *sound.spans)):
                yield PlantedError("missed_sound", *span, sound.label)
            for choice in choices.texts if form is AnswerType.SOUND else ():
                label = wording.label_of_choice(choice)
                if audioset.is_event(label) and not audioset.confusable(label, sound.label):
                    yield PlantedError("misheard_sound", start, end, sound.label, label)
    if reading.knows("turns"):
        voices = reading.voices.speakers
        for one in voices if len(voices) > 1 else ():
            yield PlantedError("missed_speaker", one.onset, one.offset, one.name)
            for turn in one.turns:
                for other in voices:
                    if other is not one:
                        yield PlantedError("wrong_speaker", turn.start, turn.end, one.name, other.name)


def apply(scene: Scene, planted: PlantedError) -> Scene:
    """The scene as perceived with the planted error."""
    if planted.kind.endswith("_sound"):
        return _with_layer(scene, "tags", lambda tags: _changed_tags(tags, planted))
    return _with_layer(
        _with_layer(scene, "turns", lambda turns: _changed_turns(turns, planted)),
        "utterances",
        lambda utterances: _changed_words(utterances, planted),
    )


def reflected(
    reading: Interpretation,
    template: Template,
    fact: Fact,
    choices: Choices,
    text: str,
    key: str,
    planted: PlantedError,
) -> Trace | None:
    """The trace of a question whose first answer follows from a planted error.

    Returns:
        None where the planted error leaves the answer as it is, or in doubt.
    """
    heard = Interpretation(apply(reading.scene, planted), reading.thresholds)
    of = kind(template.fact)
    for other in of.facts(heard):
        if not template.asks(other) or text not in template.questions(other):
            continue
        verdicts = tuple(of.judge(heard, other.about, choice) for choice in choices.texts)
        if [v.true for v in verdicts].count(True) != 1 or any(v.true is None for v in verdicts):
            continue
        mistaken = Choices(choices.texts, verdicts)
        if mistaken.index == choices.index:
            continue
        first = trace_of(heard, template, other, mistaken, key)
        answer = choices.texts[choices.index]
        sentences = _second_thought(reading, template, fact, choices, mistaken.index, key, planted)
        return replace(first, reflect=" ".join(sentences), final_answer=answer)
    return None


def find(
    reading: Interpretation, template: Template, fact: Fact, choices: Choices, text: str, key: str
) -> tuple[PlantedError, Trace] | None:
    """The first planted error, in an order drawn by hash, that leads to another of the choices."""
    possible = slips(reading, choices, kind(template.fact).form)
    drawn = sorted(possible, key=lambda planted: digest("slip", key, _hashed_text(planted)))
    for planted in islice(drawn, _PATIENCE):
        trace = reflected(reading, template, fact, choices, text, key, planted)
        if trace is not None:
            return planted, trace
    return None


def _hashed_text(planted: PlantedError) -> str:
    """The text that decides when an error is drawn. It must stay as it is, or published traces change."""
    values = ", ".join(f"{field.name}={getattr(planted, field.name)!r}" for field in fields(planted))
    return f"Slip({values})"


def _second_thought(
    reading: Interpretation,
    template: Template,
    fact: Fact,
    choices: Choices,
    taken: int,
    key: str,
    planted: PlantedError,
) -> list[str]:
    form = kind(template.fact).form
    right, wrong = choices.verdicts[choices.index], choices.verdicts[taken]
    opening = pick(
        (
            "Let me hold this against the audio once more.",
            "Before I settle on this, I listen again.",
            "Wait, this does not fit what is heard.",
            "Checking the evidence again, something is off.",
        ),
        "reflect",
        key,
    )
    against = wrong.because or (f"Of {wrong.missing} nothing is heard." if wrong.missing else "")
    statement = render(
        pick(template.statement, "statement", key),
        {**fact.slots, "answer": in_sentence(form, choices.texts[choices.index])},
    )
    so = pick(("So my first answer was wrong:", "I correct myself:", "Hence I change my answer:"), "so", key)
    sentences = [opening, _corrected(reading, planted, key), *fact.steps, right.because, against]
    return [*dict.fromkeys(filter(None, sentences)), f"{so} {statement}."]


def _corrected(reading: Interpretation, planted: PlantedError, key: str) -> str:
    when = wording.from_to(planted.start, planted.end)
    if planted.kind == "missed_sound":
        sound = wording.sound_of(planted.value)
        return pick(
            (f"There is {sound} {when}, which I left out.", f"I overlooked {sound} {when}."), "mend", key
        )
    if planted.kind == "misheard_sound":
        taken, real = wording.sound_of(planted.heard_as), wording.sound_of(planted.value)
        return f"What I took for {taken} {when} is {real}."
    who = {one.name: wording.speaker(one.number) for one in reading.voices.speakers}
    if planted.kind == "missed_speaker":
        return f"I left a voice out: that of {who[planted.value]}, heard {when}."
    return f"The voice {when} is not that of {who[planted.heard_as]} but that of {who[planted.value]}."


def _with_layer(scene: Scene, name: str, change: Any) -> Scene:
    """Changes the layer that a reading goes by, and the model's view of the same thing.

    Speakers are named apart by a corpus and a model, so of turns and utterances only one is changed.
    """
    truth = scene.clip.truth
    own, model = getattr(truth, name), getattr(scene, name)
    if own is not None:
        scene = replace(scene, clip=replace(scene.clip, truth=replace(truth, **{name: change(own)})))
    if model is not None and (name == "tags" or own is None):
        scene = replace(scene, **{name: change(model)})
    return scene


def _changed_tags(tags: tuple[Tag, ...], planted: PlantedError) -> tuple[Tag, ...]:
    meant = [
        tag
        for tag in tags
        if audioset.confusable(tag.label, planted.value)
        and tag.start < planted.end
        and planted.start < tag.end
    ]
    kept = [tag for tag in tags if tag not in meant]
    if planted.heard_as:
        kept += [replace(tag, label=planted.heard_as) for tag in meant if tag.label == planted.value]
    return tuple(sorted(kept, key=lambda tag: (tag.start, tag.end, tag.label)))


def _changed_turns(turns: tuple[Turn, ...], planted: PlantedError) -> tuple[Turn, ...]:
    if planted.kind == "missed_speaker":
        return tuple(turn for turn in turns if turn.speaker != planted.value)
    return tuple(
        replace(turn, speaker=planted.heard_as)
        if (turn.start, turn.end, turn.speaker) == (planted.start, planted.end, planted.value)
        else turn
        for turn in turns
    )


def _changed_words(utterances: tuple[Any, ...], planted: PlantedError) -> tuple[Any, ...]:
    return tuple(
        replace(said, speaker=planted.heard_as or None)
        if said.speaker == planted.value and planted.start <= (said.start + said.end) / 2 < planted.end
        else said
        for said in utterances
    )
