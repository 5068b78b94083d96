"""paqa try monologue lecture.wav --plugin examples/new_model.py"""

from paqa_builder import Diarizer, Options, Span


class MonologueOptions(Options):
    threshold: float = 0.5


class Monologue(Diarizer):
    """Silero's voice activity detector as a diarizer of recordings with one speaker, such as lectures."""

    sample_rate = 16_000
    revision = "silero-6"
    needs = ("faster-whisper",)
    Options = MonologueOptions

    def load(self):
        from faster_whisper import vad  # heavy imports happen here

        self.vad, self.vad_options = vad, vad.VadOptions(threshold=self.options.threshold)

    def diarize(self, clip):
        segments = self.vad.get_speech_timestamps(clip.main.samples, self.vad_options)
        return [Span(s["start"] / 16_000, s["end"] / 16_000, "me", self.options.threshold) for s in segments]
