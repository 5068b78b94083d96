"""What was measured in a scene, and how a fact cites it.

A measure has no score of its own: it is as sure as the turns and tags beneath it, which the facts cite
beside it. Its evidence has the record kind ``"measure"`` and a value that says what and how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from paqa_builder.questions.question import Evidence
from paqa_builder.records import EventMeasure, Measures, VoiceMeasure

VoiceProperty = Literal["pitch", "rate", "level", "pauses"]
EventProperty = Literal["level", "over_speech"]
ClipProperty = Literal["snr", "loudness", "quality", "overlap"]

_VOICE: tuple[VoiceProperty, ...] = ("pitch", "rate", "level", "pauses")
_EVENT: tuple[EventProperty, ...] = ("level", "over_speech")
_CLIP: tuple[ClipProperty, ...] = ("snr", "loudness", "quality", "overlap")


@dataclass(frozen=True)
class Measured:
    """A scene's measures, by speaker and by sound."""

    measures: Measures
    duration: float

    def voice(self, name: str) -> VoiceMeasure | None:
        """That of a speaker, by the name in the records; None where there was too little speech."""
        return next((v for v in self.measures.voices if v.speaker == name), None)

    def events(self, label: str) -> tuple[EventMeasure, ...]:
        """Those of a label, by time."""
        return tuple(e for e in self.measures.events if e.label == label)

    def cite_voice(self, voice: VoiceMeasure, what: VoiceProperty) -> Evidence:
        """``"S1 pitch 120 Hz"``, for the whole clip.

        Raises:
            ValueError: It was not measured (None).
        """
        return self._cite(f"{voice.speaker} {voice_value(voice, what)}", 0.0, self.duration)

    def cite_event(self, event: EventMeasure, what: EventProperty) -> Evidence:
        """``"Dog level -23.4 dBFS"``, from the event's start to its end.

        Raises:
            ValueError: It was not measured (None).
        """
        number = getattr(event, what)
        if number is None:
            raise ValueError(f"{what} of {event.label} was not measured")
        text = f"level {number:.1f} dBFS" if what == "level" else f"{number:+.1f} dB over speech"
        return self._cite(f"{event.label} {text}", event.start, event.end)

    def cite_clip(self, what: ClipProperty) -> Evidence:
        """``"snr 12.00 dB"``, for the whole clip.

        Raises:
            ValueError: It was not measured (None).
        """
        number = getattr(self.measures, what)
        if number is None:
            raise ValueError(f"{what} was not measured")
        unit = {"snr": "dB", "loudness": "LUFS", "quality": "of 5", "overlap": "of the speech"}[what]
        return self._cite(f"{what} {number:.2f} {unit}", 0.0, self.duration)

    def citable(self) -> Iterator[Evidence]:
        """Everything that can be cited, for the verifier to look evidence up in."""
        for voice in self.measures.voices:
            yield from (self.cite_voice(voice, what) for what in _VOICE if getattr(voice, what) is not None)
        for event in self.measures.events:
            yield from (self.cite_event(event, what) for what in _EVENT if getattr(event, what) is not None)
        yield from (self.cite_clip(what) for what in _CLIP if getattr(self.measures, what) is not None)

    def _cite(self, value: str, start: float, end: float) -> Evidence:
        made = self.measures.origin
        return Evidence(made.stage, made.backend, made.revision, "measure", start, end, 1.0, value)


def voice_value(voice: VoiceMeasure, what: VoiceProperty) -> str:
    """A voice's property in words: ``"pitch 120 Hz"``, ``"rate 3.1 words per second"``.

    Raises:
        ValueError: It was not measured (None).
    """
    number = getattr(voice, what)
    if number is None:
        raise ValueError(f"{what} of {voice.speaker} was not measured")
    if what == "pitch":
        return f"pitch {number:.0f} Hz"
    if what == "rate":
        return f"rate {number:.1f} words per second"
    if what == "level":
        return f"level {number:.1f} dBFS"
    lengths = ", ".join(f"{pause:.1f} s" for pause in number)
    return f"pauses {lengths}" if lengths else "pauses none"
