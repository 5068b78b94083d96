"""A scene's measures, and their citation as evidence.

Measures have no score. Facts also cite the turns and tags that a measure was computed from. The evidence
has the record kind ``"measure"``, and its value names the quantity with its number and unit.
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
        """Measures of a speaker, by the name in the records; None if there is too little speech."""
        return next((v for v in self.measures.voices if v.speaker == name), None)

    def events(self, label: str) -> tuple[EventMeasure, ...]:
        """Measures of the events of a label, by time."""
        return tuple(e for e in self.measures.events if e.label == label)

    def cite_voice(self, voice: VoiceMeasure, what: VoiceProperty) -> Evidence:
        """Evidence such as ``"S1 pitch 120 Hz"``, for the whole clip.

        Raises:
            ValueError: The property was not measured.
        """
        return self._cite(f"{voice.speaker} {voice_value(voice, what)}", 0.0, self.duration)

    def cite_event(self, event: EventMeasure, what: EventProperty) -> Evidence:
        """Evidence such as ``"Dog level -23.4 dBFS"``, from the event's start to its end.

        Raises:
            ValueError: The property was not measured.
        """
        number = getattr(event, what)
        if number is None:
            raise ValueError(f"{what} of {event.label} was not measured")
        text = f"level {number:.1f} dBFS" if what == "level" else f"{number:+.1f} dB over speech"
        return self._cite(f"{event.label} {text}", event.start, event.end)

    def cite_clip(self, what: ClipProperty) -> Evidence:
        """Evidence such as ``"snr 12.00 dB"``, for the whole clip.

        Raises:
            ValueError: The property was not measured.
        """
        number = getattr(self.measures, what)
        if number is None:
            raise ValueError(f"{what} was not measured")
        unit = {"snr": "dB", "loudness": "LUFS", "quality": "of 5", "overlap": "of the speech"}[what]
        return self._cite(f"{what} {number:.2f} {unit}", 0.0, self.duration)

    def citable(self) -> Iterator[Evidence]:
        """All evidence that these measures can give."""
        for voice in self.measures.voices:
            yield from (self.cite_voice(voice, what) for what in _VOICE if getattr(voice, what) is not None)
        for event in self.measures.events:
            yield from (self.cite_event(event, what) for what in _EVENT if getattr(event, what) is not None)
        yield from (self.cite_clip(what) for what in _CLIP if getattr(self.measures, what) is not None)

    def _cite(self, value: str, start: float, end: float) -> Evidence:
        origin = self.measures.origin
        return Evidence(origin.stage, origin.backend, origin.revision, "measure", start, end, 1.0, value)


def voice_value(voice: VoiceMeasure, what: VoiceProperty) -> str:
    """A voice's property in words: ``"pitch 120 Hz"``, ``"rate 3.1 words per second"``.

    Raises:
        ValueError: The property was not measured.
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
