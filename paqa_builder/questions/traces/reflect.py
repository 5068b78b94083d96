"""Reflection: traces that start from a planted perception error and correct it in REFLECT.

A :class:`~paqa_builder.questions.question.PlantedError` names the record and the error. The first part of
the trace is written from the scene with that error, so CAPTION, REASONING and RESPONSE are consistent and
wrong. REFLECT returns to the record and corrects it. The planted error is published with the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import islice
from typing import Any

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.choices.choices import Choices
from paqa_builder.questions.facts.base import AnswerType, Fact, kind
from paqa_builder.questions.question import PlantedError
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rendering import render
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces.grammar import Trace
from paqa_builder.questions.traces.trace import in_sentence, trace_of
from paqa_builder.records import Scene, Tag, Turn, Utterance
from paqa_builder.seeded import digest, pick

# Largest number of errors to try per question.
_PATIENCE = 16


def possible_errors(reading: Interpretation, choices: Choices, form: AnswerType) -> Iterator[PlantedError]:
    """All errors that can be planted in a scene, in the order of the records."""
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
        speakers = reading.voices.speakers
        for speaker in speakers if len(speakers) > 1 else ():
            yield PlantedError("missed_speaker", speaker.onset, speaker.offset, speaker.name)
            for turn in speaker.turns:
                for other in speakers:
                    if other is not speaker:
                        yield PlantedError("wrong_speaker", turn.start, turn.end, speaker.name, other.name)


def apply(scene: Scene, planted: PlantedError) -> Scene:
    """The scene as perceived with a planted error."""
    if planted.kind.endswith("_sound"):
        return _with_layer(scene, "tags", lambda tags: _changed_tags(tags, planted))
    return _with_layer(
        _with_layer(scene, "turns", lambda turns: _changed_turns(turns, planted)),
        "utterances",
        lambda utterances: _changed_utterances(utterances, planted),
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
    """Trace of a question whose first answer follows from a planted error.

    Returns:
        None if the error does not lead to exactly one other choice.
    """
    misperceived = reading.of_changed(apply(reading.scene, planted))
    fact_kind = kind(template.fact)
    for other in fact_kind.facts(misperceived):
        if not template.asks(other) or not template.fits(other, text):
            continue
        verdicts = tuple(fact_kind.judge(misperceived, other.about, choice) for choice in choices.texts)
        judged = [verdict.true for verdict in verdicts]
        if judged.count(True) != 1 or None in judged:
            continue
        mistaken = Choices(choices.texts, verdicts)
        if mistaken.index == choices.index:
            continue
        first = trace_of(misperceived, template, other, mistaken, key)
        answer = choices.texts[choices.index]
        sentences = _correction(reading, template, fact, choices, mistaken.index, key, planted)
        return replace(first, reflect=" ".join(sentences), final_answer=answer)
    return None


def find(
    reading: Interpretation, template: Template, fact: Fact, choices: Choices, text: str, key: str
) -> tuple[PlantedError, Trace] | None:
    """The first error, in an order given by hashes, that leads to another choice; with its trace."""
    possible = possible_errors(reading, choices, kind(template.fact).form)
    drawn = sorted(possible, key=lambda planted: digest("slip", key, _hashed_text(planted)))
    for planted in islice(drawn, _PATIENCE):
        trace = reflected(reading, template, fact, choices, text, key, planted)
        if trace is not None:
            return planted, trace
    return None


def _hashed_text(planted: PlantedError) -> str:
    """The text that is hashed to order errors. Published traces depend on it."""
    values = ", ".join(f"{field.name}={getattr(planted, field.name)!r}" for field in fields(planted))
    return f"Slip({values})"


def _correction(
    reading: Interpretation,
    template: Template,
    fact: Fact,
    choices: Choices,
    first_answer: int,
    key: str,
    planted: PlantedError,
) -> list[str]:
    """The sentences of REFLECT."""
    form = kind(template.fact).form
    right, wrong = choices.verdicts[choices.index], choices.verdicts[first_answer]
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
    who = {speaker.name: wording.speaker(speaker.number) for speaker in reading.voices.speakers}
    if planted.kind == "missed_speaker":
        return f"I left a voice out: that of {who[planted.value]}, heard {when}."
    return f"The voice {when} is not that of {who[planted.heard_as]} but that of {who[planted.value]}."


def _with_layer(scene: Scene, name: str, change: Any) -> Scene:
    """Changes a layer of the annotation, or of the model where there is none; both of them for tags.

    Annotation and model name speakers differently, so only one is changed for turns and utterances.
    """
    truth = scene.clip.truth
    own, model = getattr(truth, name), getattr(scene, name)
    if own is not None:
        scene = replace(scene, clip=replace(scene.clip, truth=replace(truth, **{name: change(own)})))
    if model is not None and (name == "tags" or own is None):
        scene = replace(scene, **{name: change(model)})
    return scene


def _changed_tags(tags: tuple[Tag, ...], planted: PlantedError) -> tuple[Tag, ...]:
    affected = [
        tag
        for tag in tags
        if audioset.confusable(tag.label, planted.value)
        and tag.start < planted.end
        and planted.start < tag.end
    ]
    changed = [tag for tag in tags if tag not in affected]
    if planted.heard_as:
        changed += [replace(tag, label=planted.heard_as) for tag in affected if tag.label == planted.value]
    return tuple(sorted(changed, key=lambda tag: (tag.start, tag.end, tag.label)))


def _changed_turns(turns: tuple[Turn, ...], planted: PlantedError) -> tuple[Turn, ...]:
    if planted.kind == "missed_speaker":
        return tuple(turn for turn in turns if turn.speaker != planted.value)
    return tuple(
        replace(turn, speaker=planted.heard_as)
        if (turn.start, turn.end, turn.speaker) == (planted.start, planted.end, planted.value)
        else turn
        for turn in turns
    )


def _changed_utterances(utterances: tuple[Utterance, ...], planted: PlantedError) -> tuple[Utterance, ...]:
    return tuple(
        replace(utterance, speaker=planted.heard_as or None)
        if utterance.speaker == planted.value
        and planted.start <= (utterance.start + utterance.end) / 2 < planted.end
        else utterance
        for utterance in utterances
    )
