"""Calibration of the embedded backends: fits ``paqa_builder/data/calibration.json``.

    python benchmarks/mixtures.py --out /tmp/mixtures
    python benchmarks/calibrate.py /tmp/mixtures                  # about 10 CPU-minutes

The data are mixtures only, without the test data ``scenes/`` and ``meetings/``. The result has three parts:

- ``same_voice``: logistic regression of "same voice" on the evidence of the diarizer's ``Groups`` for
  pairs of groups of excerpts. The groups are random, each with excerpts of one speaker.
- ``among_voices``: YAMNet's scores on speech without other sounds.
- ``curves``: confidence as a function of the raw score, by logistic regression on its log odds (Platt,
  1999), for turns (share of the turn in which its speaker is active), tags (right label, or a parent or
  child of it, at the right time) and words (right word at the right place).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder import registry
from paqa_builder.audio import SILENCE_RMS, Audio, blend, read, resample
from paqa_builder.labels.audioset import is_event, is_speech, related
from paqa_builder.perception.backends.base import AudioInput, Span
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.backends.diarize import _voices
from paqa_builder.perception.backends.diarize._grid import Grid
from paqa_builder.perception.backends.diarize._networks import Steps, drive
from paqa_builder.perception.calibration import Curve, SameVoice
from paqa_builder.perception.diarize import Diarize
from paqa_builder.perception.tag import merge
from paqa_builder.records import Origin, Tag
from paqa_builder.untrusted import json_files

KNOTS = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1)
PHANTOM, ENOUGH = 4.0, 8.0
PARTITIONS = 6
PURE = 0.75
_RAW = Curve((0.0, 1.0), (0.0, 1.0))


@dataclass
class Tables:
    """Observations: (raw score, correctness in [0, 1], weight)."""

    turns: list[tuple[float, float, float]] = field(default_factory=list)
    tags: list[tuple[float, float, float]] = field(default_factory=list)
    words: list[tuple[float, float, float]] = field(default_factory=list)
    pairs: list[tuple[list[np.ndarray], np.ndarray]] = field(default_factory=list)
    quiet: list[np.ndarray] = field(default_factory=list)


def backend(stage: str, name: str) -> Any:
    cls = registry.get(stage, name)
    loaded = cls(cls.Options())
    loaded.load()
    loaded._calibrate = _RAW if stage != "transcribe" else None
    return loaded


def clips(root: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    for kind in ("crowd", "far", "talk"):
        for _, row in json_files.objects(root / kind / "manifest.jsonl"):
            yield kind, root / kind / row["audio"], row


def hear(separator: Any, path: Path) -> AudioInput:
    """Separates a clip as the stages do: mixture, stems and blend at 16 kHz.

    The blend is the mixture alone if separation lost the speech.
    """
    mix, _ = read(path)
    wide = resample(mix, separator.sample_rate)
    _, background = separator.separate(AudioInput(wide, wide))
    kept = resample(Audio(wide.samples - background.samples, wide.rate), 16_000)
    mix = resample(mix, 16_000)
    background = Audio(mix.samples - kept.samples, 16_000)
    options = Diarize.Options()
    lost = kept.rms < options.trust_ratio * mix.rms
    return AudioInput(mix if lost else blend(kept, mix, options.speech_share), mix, kept, background)


def activity(row: dict[str, Any], step: float, count: int) -> tuple[list[str], np.ndarray]:
    """Speech activity: speaker names, and ``bool [speakers, count]`` in steps of ``step`` seconds."""
    names = sorted({part["speaker"] for part in row["segments"]})
    active = np.zeros((len(names), count), bool)
    for part in row["segments"]:
        for start, end in part["activity"]:
            active[names.index(part["speaker"]), round(start / step) : round(end / step)] = True
    return names, active


# ---- one voice or two ---------------------------------------------------------------------------


def voice_pairs(diarizer: Any, sound: AudioInput, row: dict[str, Any], seed: int) -> list[Any]:
    """(evidence, same speaker) for pairs of random groups of excerpts, each of one speaker."""
    (heard,) = drive([_excerpts(diarizer, sound)], diarizer._networks)
    if heard is None:
        return []
    excerpts, begin, finish, count = heard
    _, active = activity(row, frames.STEP, count)
    shares = np.array([active[:, a:b].mean(axis=1) for a, b in zip(begin, finish, strict=True)])
    draw = np.random.default_rng(seed)
    pairs = []
    for distance in (0.3, 0.4):
        clusters = _voices.fine_clusters(excerpts.vectors, distance)
        for _ in range(PARTITIONS):
            labels = _regrouped(clusters, shares, draw)
            kept = labels >= 0
            if len(np.unique(labels[kept])) < 2:
                continue
            part = _voices.Excerpts(
                excerpts.vectors[kept], excerpts.times[kept], excerpts.length,
                excerpts.linked[np.ix_(kept, kept)], excerpts.seen[np.ix_(kept, kept)],
            )  # fmt: skip
            groups = _voices.Groups(part, labels[kept])
            owners = np.unique(labels[kept]) // 2
            for group in range(len(owners)):
                others = np.arange(len(owners)) > group
                evidence = np.stack(groups.evidence(group))[:, others]
                pairs.append((evidence, owners[others] == owners[group]))
    return pairs


def _excerpts(diarizer: Any, sound: AudioInput) -> Steps[tuple[_voices.Excerpts, Any, Any, int] | None]:
    """Excerpts with one voice on the fine grid, their boundaries in frames, and the number of frames."""
    windows, speech, overlap = yield from diarizer.activity(sound)
    speaking = speech > diarizer.options.onset
    if not speaking.any():
        return None
    grid = Grid(diarizer._features(sound.main.samples), diarizer.options.voice_hop, speaking)
    every = np.arange(len(grid.begin))
    yield from grid.embed_all(diarizer.options.similar)
    clean = speaking & ~(overlap > diarizer.options.overlap)
    excerpts, chosen = grid.clustered(every, clean, diarizer.options.clean_share, windows)
    return excerpts, grid.begin[chosen], grid.finish[chosen], len(clean)


def _regrouped(clusters: np.ndarray, shares: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Labels ``2 * speaker + half``; -1 for clusters of several speakers and for groups of one excerpt."""
    labels = np.full(len(clusters), -1)
    halves: dict[int, int] = {}
    for name in np.unique(clusters):
        inside = clusters == name
        share = shares[inside].sum(axis=0)
        if share.max() > PURE * max(share.sum(), 1e-9):
            owner = int(share.argmax())
            parts = halves.setdefault(owner, int(draw.integers(1, 3)))
            labels[inside] = 2 * owner + int(draw.integers(parts))
    for name in np.unique(labels):
        if (labels == name).sum() < 2:
            labels[labels == name] = -1
    return labels


def fit_same_voice(tables: Tables) -> dict[str, Any]:
    """Fits the logistic regression, with equal weight of clips and of the two classes."""
    from sklearn.linear_model import LogisticRegression

    evidence = np.concatenate([np.concatenate(parts, axis=1) for parts, _ in tables.pairs], axis=1)
    same = np.concatenate([labels for _, labels in tables.pairs])
    weight = np.concatenate([np.full(len(labels), 1 / len(labels)) for _, labels in tables.pairs])
    for answer in (False, True):
        weight[same == answer] /= weight[same == answer].sum()
    evidence = np.concatenate([evidence[:3], np.log(np.maximum(evidence[3:], 1))])
    model = LogisticRegression(C=10, max_iter=3000)
    model.fit(evidence.T, same, sample_weight=weight * 4 * len(tables.pairs))
    return {
        "weights": [round(float(value), 3) for value in model.coef_[0]],
        "intercept": round(float(model.intercept_[0]), 3),
        "phantom": PHANTOM,
        "enough": ENOUGH,
    }


# ---- turns, tags, words -------------------------------------------------------------------------


def judge_turns(spans: Iterable[Span], row: dict[str, Any]) -> Iterator[tuple[float, float, float]]:
    """Observations of turns; correctness is the share of the turn in which its speaker is active."""
    from scipy.optimize import linear_sum_assignment

    spans = list(spans)
    step = 0.01
    _, active = activity(row, step, round(row["duration"] / step) + 1)
    voices = sorted({span.name for span in spans})
    estimate = np.zeros((len(voices), active.shape[1]), bool)
    for span in spans:
        estimate[voices.index(span.name), round(span.start / step) : round(span.end / step)] = True
    speakers, matched = linear_sum_assignment(-(active.astype(float) @ estimate.T.astype(float)))
    speaker_of = {voices[voice]: speaker for speaker, voice in zip(speakers, matched, strict=True)}
    for span in spans:
        inside = slice(round(span.start / step), round(span.end / step))
        right = active[speaker_of[span.name], inside].mean() if span.name in speaker_of else 0.0
        yield span.score, float(right), span.end - span.start


def judge_tags(
    tags: Iterable[Span], row: dict[str, Any], accept: dict[str, frozenset[str]]
) -> Iterator[tuple[float, float, float]]:
    for tag in tags:
        if is_event(tag.name):
            right = any(
                tag.start < event["offset"] + 0.5
                and tag.end > event["onset"] - 0.5
                and any(related(tag.name, label) for label in accept[event["label"]])
                for event in row["events"]
            )
            yield tag.score, float(right), 1.0


def judge_words(words: Sequence[Any], row: dict[str, Any]) -> Iterator[tuple[float, float, float]]:
    """Observations of words; a word is right if all its normalised tokens align with equal ones."""
    import jiwer
    from whisper_normalizer.english import EnglishTextNormalizer

    normal = EnglishTextNormalizer()
    texts = (part["text"] for part in sorted(row["segments"], key=lambda part: part["start"]))
    tokens = [(n, token) for n, word in enumerate(words) for token in normal(word.text).split()]
    if not tokens:
        return
    aligned = jiwer.process_words(normal(" ".join(texts)), " ".join(token for _, token in tokens))
    wrong = set(range(len(tokens)))
    for chunk in aligned.alignments[0]:
        if chunk.type == "equal":
            wrong -= set(range(chunk.hyp_start_idx, chunk.hyp_end_idx))
    misheard = {tokens[place][0] for place in wrong}
    for n, word in enumerate(words):
        yield word.confidence, float(n not in misheard), 1.0


def fit_curve(rows: list[tuple[float, float, float]]) -> dict[str, list[float]]:
    from sklearn.linear_model import LogisticRegression

    raw, right, weight = np.array(rows).T
    odds = _log_odds(raw)[:, None]
    model = LogisticRegression(C=1e3)
    model.fit(
        np.concatenate([odds, odds]),
        np.repeat([1, 0], len(rows)),
        sample_weight=np.concatenate([weight * right, weight * (1 - right)]),
    )
    values = model.predict_proba(_log_odds(np.array(KNOTS))[:, None])[:, 1]
    return {"raw": list(KNOTS), "right": [round(float(value), 4) for value in values]}


def _log_odds(share: np.ndarray, least: float = 0.005) -> np.ndarray:
    share = np.clip(share, least, 1 - least)
    return np.log(share / (1 - share))


# ---- all of it ----------------------------------------------------------------------------------


def usual_labels(tagger: Any, quiet: list[np.ndarray]) -> dict[str, float]:
    """Mean odds of each class's peak on speech alone, as log odds relative to those of 2 %."""
    peaks = _log_odds(np.stack(quiet), 0.002)
    above = np.log(np.exp(peaks).mean(axis=0)) - float(_log_odds(np.array(0.02)))
    return {
        label: round(float(value), 2)
        for label, value in sorted(zip(tagger.labels, above, strict=True))
        if value >= 0.1 and not is_speech(label) and label != "Silence"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mixtures", type=Path)
    parser.add_argument("--out", type=Path, default=Path("paqa_builder/data/calibration.json"))
    args = parser.parse_args()
    with (Path(os.environ["PAQA_TESTDATA"]) / "clips/esc50_to_audioset.csv").open(encoding="utf-8") as file:
        accept = {
            row["esc50_category"]: frozenset(filter(None, row["audioset_accept"].split("|")))
            for row in csv.DictReader(file)
        }
    separator, tagger = backend("separate", "deepfilternet3"), backend("tag", "yamnet")
    diarizer = backend("diarize", "segmentation_campplus")
    transcriber = backend("transcribe", "faster_whisper")
    tables, kept, seconds = Tables(), [], defaultdict(float)
    for number, (kind, path, row) in enumerate(clips(args.mixtures)):
        sound = hear(separator, path)
        seconds[kind] += row["duration"]
        if kind != "talk":  # `talk` has the speakers of scenes/
            pairs = voice_pairs(diarizer, sound, row, number)
            if pairs:
                evidence, same = zip(*pairs, strict=True)
                tables.pairs.append((list(evidence), np.concatenate(same)))
        stems = [sound.mix] + [sound.background] * (sound.background.rms >= SILENCE_RMS)
        scores = [tagger.probabilities(stem) for stem in stems]
        if not row["events"]:
            tables.quiet.append(np.max([values.max(axis=0) for _, values in scores], axis=0))
        if kind == "talk":
            tables.words += judge_words(transcriber.transcribe(sound).words, row)
        kept.append((sound, row, scores))
        print(f"\r{number + 1} clips", end="", file=sys.stderr)
    print(file=sys.stderr)
    voices = fit_same_voice(tables)
    diarizer._same_voice = SameVoice(
        tuple(voices["weights"]), voices["intercept"], voices["phantom"], voices["enough"]
    )
    usual = usual_labels(tagger, tables.quiet)
    tagger._offsets = np.array([usual.get(label, 0.0) for label in tagger.labels])
    for sound, row, scores in kept:
        tables.turns += judge_turns(diarizer.diarize(sound), row)
        tables.tags += judge_tags(_tags(tagger, scores), row, accept)
    result = {
        "about": {
            "made by": "benchmarks/calibrate.py on benchmarks/mixtures.py",
            "seconds": {kind: round(value, 1) for kind, value in sorted(seconds.items())},
            "revisions": {b.stage: b.revision for b in (separator, diarizer, tagger, transcriber)},
            "observations": {name: len(getattr(tables, name)) for name in ("turns", "tags", "words")},
        },
        "same_voice": {"segmentation_campplus": voices},
        "among_voices": {"yamnet": usual},
        "curves": {
            "turn.segmentation_campplus": fit_curve(tables.turns),
            "tag.yamnet": fit_curve(tables.tags),
            "word.whisper-base": fit_curve(tables.words),
        },
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["about"]))


def _tags(tagger: Any, scores: list[tuple[np.ndarray, np.ndarray]]) -> list[Span]:
    """The tags of the *tag* stage on both stems; equal labels at overlapping times are merged."""
    tags = []
    any_sound = Audio(np.ones(1600, np.float32), 16_000)
    for stem, answer in zip(("mix", "background"), scores, strict=False):
        tagger.probabilities = lambda audio, answer=answer: answer
        tags += [
            Tag(span.start, span.end, span.name, span.score, stem, True, Origin("tag", "yamnet", ""))
            for span in tagger.tag(AudioInput(any_sound, any_sound))
        ]
    del tagger.probabilities
    return [Span(tag.start, tag.end, tag.label, tag.score) for tag in merge(tags)]


if __name__ == "__main__":
    main()
