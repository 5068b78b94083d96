"""The CAPTION of a trace: sounds, speakers and transcript, written from the records.

The texts distinguish three cases: uncertain records, layers that were not analysed, and layers in which
nothing was found.
"""

from __future__ import annotations

from paqa_builder.intervals import total
from paqa_builder.questions import wording
from paqa_builder.questions.question import confidence_of
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.sounds import FAINT, Sound
from paqa_builder.seeded import pick

# Largest number of lines of a list.
_LINES = 40
_DOUBTFUL = 3
# Seconds of overlapping speech from which an overlap is mentioned.
_OVERLAP = 0.1


@per_scene
def env(reading: Interpretation) -> str:
    """ENV: sounds with their times, uncertain ones last."""
    if not reading.knows("tags"):
        return "The background was not analysed."
    sounds = reading.sounds
    lines = [f"- {_sound(sound, _how_sure(sound))}" for sound in sounds.heard]
    doubtful = [sound for sound in sounds.doubtful if sound.confidence >= FAINT][:_DOUBTFUL]
    lines += [f"- {_sound(sound, 'possibly heard')}" for sound in doubtful]
    return _lines(lines) if lines else "No distinct sound is heard in the background."


def _sound(sound: Sound, how: str) -> str:
    when = f" {wording.stretches(sound.spans)}" if sound.spans else " (no times known)"
    return f"{wording.name_of(sound.label)}: {how}{when}"


def _how_sure(sound: Sound) -> str:
    if all(tag.origin.is_truth for tag in sound.tags):
        return "heard"
    return "clearly heard" if sound.confidence >= 0.7 else "probably heard"


@per_scene
def speakers(reading: Interpretation) -> str:
    """SPEAKER: who speaks when, and where voices overlap."""
    if not reading.knows("turns"):
        return "Who speaks when is not known."
    voices = reading.voices
    lines = []
    for speaker in voices.speakers:
        phantom = not voices.truth and speaker.doubtful(reading.thresholds)
        name = f"{wording.ordinal(speaker.number)} speaker{' (possibly)' if phantom else ''}"
        lines.append(f"- {name}: {wording.stretches(speaker.spans)}")
    if total(voices.together) >= _OVERLAP:
        lines.append(f"- voices overlap {wording.stretches(voices.together)}")
    return _lines(lines) if lines else "Nobody speaks."


@per_scene
def transcript(reading: Interpretation) -> str:
    """ASR: utterances with speaker and times."""
    if not reading.knows("utterances"):
        return "What is said was not analysed."
    lines = []
    for utterance, who in zip(reading.speech.utterances, reading.speech.named, strict=True):
        name = f"{wording.ordinal(who)} speaker" if who else "somebody"
        unclear = " (unclear)" if confidence_of(utterance) < 0.5 else ""
        span = wording.from_to(utterance.start, utterance.end)
        lines.append(f"- {name}, {span}{unclear}: {wording.quote(utterance.text)}")
    if lines:
        return _lines(lines)
    spoken = reading.knows("turns") and reading.voices.speakers
    return "No word could be made out." if spoken else "Nothing is said."


def description(reading: Interpretation, *key: object) -> str:
    """DESCRIPTION: the clip in one sentence."""
    talk, sounds = _talk(reading), _background(reading)
    length = wording.long(reading.duration)
    if talk and sounds:
        frames: tuple[str, ...] = (
            f"In this clip of {length} {talk}, {sounds}.",
            f"{wording.capital(talk)}, {sounds}; the clip lasts {length}.",
            f"A recording of {length} in which {talk}, {sounds}.",
        )
    else:
        frames = (
            f"In this clip of {length} {talk or sounds}.",
            f"{wording.capital(talk or sounds)} in this clip of {length}.",
        )
    return pick(frames, "description", *key)


@per_scene
def _talk(reading: Interpretation) -> str:
    if not reading.knows("turns"):
        return ""
    voices = reading.voices
    number = len(voices.speakers)
    if number < 2:
        return "one person speaks" if number else "nobody speaks"
    manner = "partly at the same time" if total(voices.together) >= _OVERLAP else "in turn"
    return f"{wording.number_word(number)} people speak {manner}"


@per_scene
def _background(reading: Interpretation) -> str:
    if not reading.knows("tags"):
        return "" if reading.knows("turns") else "neither speech nor background was analysed"
    names = [wording.sound_of(sound.label) for sound in reading.sounds.heard[:4]]
    if not names:
        return "and no other distinct sound is heard" if reading.knows("turns") else "no sound is distinct"
    verb = "is" if len(names) == 1 else "are"
    phrase = f"{wording.listed(names)} {verb} heard"
    return f"and {phrase}" if reading.knows("turns") else phrase


def _lines(lines: list[str]) -> str:
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"- and {len(lines) - _LINES} more"]
    return "\n".join(lines)
