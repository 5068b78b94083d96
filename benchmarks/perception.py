"""How well the stages hear, against the ground truth of ``$PAQA_TESTDATA``.

Two ways to get records, one way to score them::

    python benchmarks/perception.py                    # runs the stages on scenes/ now
    python benchmarks/perception.py --shards OUT       # reads the `scenes` configuration of a build
    python benchmarks/perception.py --meetings         # meetings/ instead (turns only)
    python benchmarks/perception.py --option diarize.backend.distance=0.55 --json result.json

A record is a dict with the columns of the ``scenes`` configuration: ``clip_id, turns (start, end,
speaker), tags (start, end, label, score), utterances (start, end, speaker, text)``; None for a layer
that nobody looked at. Needs the ``dev`` extra (pyannote.metrics, jiwer, whisper-normalizer, scipy).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STAGES = {
    "separate": "deepfilternet3",
    "diarize": "segmentation_campplus",
    "tag": "yamnet",
    "transcribe": "faster_whisper",
}


# ---- ground truth -------------------------------------------------------------------------------


def scenes_truth(root: Path) -> dict[str, dict[str, Any]]:
    """Clip id -> audio, duration, turns, segments (with text), events; from ``scenes/``."""
    with (root / "scenes/manifest.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {
        row["id"]: {
            "audio": root / "scenes" / row["audio"],
            "duration": row["duration"],
            # The RTTM's turns are cut at pauses; the manifest's `turns` are whole utterances.
            "turns": read_rttm(root / "scenes/rttm" / f"{row['id']}.rttm"),
            "segments": sorted(row["segments"], key=lambda segment: segment["start"]),
            "events": row["events"],
        }
        for row in rows
    }


def meetings_truth(root: Path) -> dict[str, dict[str, Any]]:
    """The same for ``meetings/``, which have turns and nothing else."""
    import soundfile

    return {
        path.stem: {
            "audio": path,
            "duration": soundfile.info(path).duration,
            "turns": read_rttm(path.with_suffix(".rttm")),
        }
        for path in sorted((root / "meetings").glob("*.flac"))
    }


def read_rttm(path: Path) -> list[dict[str, Any]]:
    """Turns of an RTTM file."""
    fields = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {"start": float(f[3]), "end": float(f[3]) + float(f[4]), "speaker": f[7]}
        for f in fields
        if f and f[0] == "SPEAKER"
    ]


def accepted_labels(root: Path) -> dict[str, frozenset[str]]:
    """ESC-50 category -> AudioSet names that are right for it."""
    with (root / "clips/esc50_to_audioset.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["esc50_category"]: frozenset(filter(None, row["audioset_accept"].split("|")))
            for row in csv.DictReader(file)
        }


# ---- records ------------------------------------------------------------------------------------


def from_shards(out: Path) -> list[dict[str, Any]]:
    """The records of a finished build, from its ``scenes`` configuration."""
    import pyarrow.parquet as pq

    columns = ["clip_id", "turns", "tags", "utterances"]
    files = sorted(path for path in out.rglob("*.parquet") if "scenes" in path.parent.parts)
    if not files:
        sys.exit(f"{out}: no Parquet files under a folder called `scenes`")
    return [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def from_stages(
    truth: dict[str, dict[str, Any]], options: dict[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Runs the stages on the audio itself; also returns CPU seconds by stage."""
    from paqa_builder import registry
    from paqa_builder.audio import encode_flac
    from paqa_builder.records import Clip, to_json
    from paqa_builder.stages import View, stage_class

    cpu: dict[str, float] = defaultdict(float)
    stages: dict[str, Any] = {}
    for name, backend_name in STAGES.items():
        cls, backend_cls = stage_class(name), registry.get(name, backend_name)
        backend = backend_cls(backend_cls.Options(**options[f"{name}.backend"]))
        backend.load()
        stages[name] = cls(backend, cls.Options(**options[name]), backend_name=backend_name)
    records = []
    with TemporaryDirectory() as folder:
        for clip_id, row in truth.items():

            def save(name: str, audio: Any, clip_id: str = clip_id) -> str:
                path = f"{clip_id}.{name}.flac"
                (Path(folder) / path).write_bytes(encode_flac(audio))
                return path

            clip = Clip(clip_id, "benchmark", "test", str(row["audio"]))
            view = View(clip, Path(folder), save_stem=save)
            wanted = stages if "segments" in row else ("separate", "diarize")
            record: dict[str, Any] = {"clip_id": clip_id, "tags": None, "utterances": None}
            for name in wanted:
                begun = time.process_time()
                found = stages[name].run([view])[0]
                cpu[name] += time.process_time() - begun
                if name == "separate":
                    view.stems = found
                    continue
                if name == "diarize":
                    view.turns = found
                record[stages[name].layer] = to_json(found)
            records.append(record)
            print(f"\r{len(records)}/{len(truth)} clips", end="", file=sys.stderr)
    print(file=sys.stderr)
    return records, dict(cpu)


# ---- scores -------------------------------------------------------------------------------------


def score(
    records: Iterable[dict[str, Any]], truth: dict[str, dict[str, Any]], accept: dict[str, frozenset[str]]
) -> dict[str, Any]:
    """Every measure that the ground truth allows. A clip that is missing, or a layer that is None,
    counts as heard wrong: nothing was heard."""
    by_id = {Path(record["clip_id"]).stem: record for record in records}
    pairs = {
        clip_id: (by_id.get(clip_id, {"turns": None, "tags": None, "utterances": None}), row)
        for clip_id, row in truth.items()
    }
    result: dict[str, Any] = {
        "clips": len(truth),
        "absent": sorted(set(truth) - set(by_id)),
        "seconds": round(sum(row["duration"] for row in truth.values()), 1),
    }
    for part, keep in (
        ("all", lambda n: True),
        ("even", lambda n: n % 2 == 0),
        ("odd", lambda n: n % 2 == 1),
    ):
        chosen = [pair for clip_id, pair in pairs.items() if keep(int(clip_id[-2:]))]
        result[part] = {**diarization(chosen)}
        if all("segments" in row for _, row in chosen):
            result[part] |= words(chosen) | events(chosen, accept)
    return result


def diarization(pairs: list[tuple[dict, dict]]) -> dict[str, float]:
    """DER without collar and with overlap scored, its parts, and how often the count is right."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: Iterable[dict]) -> Annotation:
        made = Annotation()
        for n, turn in enumerate(turns):
            made[Segment(turn["start"], turn["end"]), n] = turn["speaker"]
        return made.support()

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    right = 0
    for record, row in pairs:
        reference, heard = annotation(row["turns"]), annotation(record["turns"] or ())
        metric(reference, heard, uem=Timeline([Segment(0, row["duration"])]))
        right += len(reference.labels()) == len(heard.labels())
    total = metric["total"]
    parts = {"missed": "missed detection", "false_alarm": "false alarm", "confused": "confusion"}
    return {
        "der": abs(metric),
        **{name: metric[key] / total for name, key in parts.items()},
        "count_right": right / len(pairs),
    }


def words(pairs: list[tuple[dict, dict]]) -> dict[str, float]:
    """WER of the whole clip, and cpWER: speakers' words compared under the best assignment.

    cpWER: Watanabe et al., "CHiME-6 challenge", 2020. Words of nobody's (speaker None) count as one
    more speaker, so they are all errors.
    """
    from whisper_normalizer.english import EnglishTextNormalizer

    normal = EnglishTextNormalizer()
    errors = permuted = total = 0
    for record, row in pairs:
        heard = sorted(record["utterances"] or (), key=lambda utterance: utterance["start"])
        reference = normal(" ".join(segment["text"] for segment in row["segments"]))
        errors += edits(reference, normal(" ".join(utterance["text"] for utterance in heard)))
        permuted += permuted_edits(by_speaker(row["segments"], normal), by_speaker(heard, normal))
        total += len(reference.split())
    return {"wer": errors / total, "cpwer": permuted / total}


def by_speaker(rows: Iterable[dict], normal: Any) -> list[str]:
    """Each speaker's words in time order, normalised."""
    said: dict[str | None, list[str]] = defaultdict(list)
    for row in rows:
        said[row["speaker"]].append(row["text"])
    return [normal(" ".join(texts)) for texts in said.values()]


def permuted_edits(reference: list[str], heard: list[str]) -> int:
    """Fewest word edits over all one-to-one assignments of speakers."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    size = max(len(reference), len(heard))
    reference, heard = (texts + [""] * (size - len(texts)) for texts in (reference, heard))
    cost = np.array([[edits(one, other) for other in heard] for one in reference])
    return int(cost[linear_sum_assignment(cost)].sum())


def edits(reference: str, heard: str) -> int:
    """Word substitutions, deletions and insertions."""
    import jiwer

    if not reference:
        return len(heard.split())  # jiwer refuses an empty reference
    found = jiwer.process_words(reference, heard)
    return int(found.substitutions + found.deletions + found.insertions)


def events(pairs: list[tuple[dict, dict]], accept: dict[str, frozenset[str]]) -> dict[str, float]:
    """Recall of events among a clip's best-scored labels, and mean average precision over classes.

    Only labels that questions may be about are ranked (:func:`paqa_builder.ontology.is_event`).
    """
    from paqa_builder.ontology import is_event

    ranks: list[float] = []
    tables: list[tuple[dict[str, float], set[str]]] = []
    for record, row in pairs:
        best: dict[str, float] = defaultdict(float)
        for tag in record["tags"] or ():
            if is_event(tag["label"]):
                best[tag["label"]] = max(best[tag["label"]], tag["score"])
        ranked = sorted(best, key=lambda label: (-best[label], label))
        present = {event["label"] for event in row["events"] if accept[event["label"]]}
        ranks += [
            next((n for n, label in enumerate(ranked, 1) if label in accept[event["label"]]), float("inf"))
            for event in row["events"]
            if accept[event["label"]]
        ]
        tables.append((dict(best), present))
    recall = {f"top{k}": sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 3, 5)}
    return recall | {"event_map": mean_average_precision(tables, accept), "events": len(ranks)}


def mean_average_precision(
    tables: list[tuple[dict[str, float], set[str]]], accept: dict[str, frozenset[str]]
) -> float:
    """Over the categories present in any clip; a clip's score for one is its best accepted label's."""
    from sklearn.metrics import average_precision_score

    found = []
    for category in sorted(set().union(*(present for _, present in tables))):
        scores = [
            max((best.get(label, 0.0) for label in accept[category]), default=0.0) for best, _ in tables
        ]
        found.append(average_precision_score([category in present for _, present in tables], scores))
    return float(sum(found) / len(found))


# ---- command ------------------------------------------------------------------------------------


def rows_of(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The table: a measure a line, all / even / odd clips across."""
    parts = ("all", "even", "odd")
    yield ("measure", *parts)
    for name in result["all"]:
        yield (name, *(f"{result[part].get(name, float('nan')):.3f}" for part in parts))


def parse_options(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``stage.option=value`` and ``stage.backend.option=value``, values in JSON or plain text."""
    options: dict[str, dict[str, Any]] = defaultdict(dict)
    for text in texts:
        place, _, value = text.partition("=")
        where, _, name = place.rpartition(".")
        try:
            options[where][name] = json.loads(value)
        except json.JSONDecodeError:
            options[where][name] = value
    if unknown := set(options) - set(STAGES) - {f"{name}.backend" for name in STAGES}:
        sys.exit(f"--option: no stage {', '.join(sorted(unknown))}; there are: {', '.join(STAGES)}")
    return options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shards", type=Path, help="read the records of this finished build")
    parser.add_argument("--present", action="store_true", help="score only the clips that the build has")
    parser.add_argument("--meetings", action="store_true", help="meetings/ instead of scenes/")
    parser.add_argument("--option", action="append", default=[], metavar="STAGE[.backend].NAME=VALUE")
    parser.add_argument("--json", type=Path, help="also write the result here, with every record")
    args = parser.parse_args()
    if "PAQA_TESTDATA" not in os.environ:
        sys.exit("PAQA_TESTDATA is not set: it names the folder with scenes/ and meetings/")
    root = Path(os.environ["PAQA_TESTDATA"])
    truth = meetings_truth(root) if args.meetings else scenes_truth(root)
    cpu: dict[str, float] = {}
    if args.shards:
        records = from_shards(args.shards)
        if args.present:
            present = {Path(record["clip_id"]).stem for record in records}
            truth = {clip_id: row for clip_id, row in truth.items() if clip_id in present}
    else:
        records, cpu = from_stages(truth, parse_options(args.option))
    result = score(records, truth, accepted_labels(root))
    for row in rows_of(result):
        print(f"{row[0]:<14}" + "".join(f"{cell:>9}" for cell in row[1:]))
    if cpu:
        result["cpu_rtf"] = {name: seconds / result["seconds"] for name, seconds in cpu.items()}
        print(
            "CPU seconds per second of audio: "
            + ", ".join(f"{k} {v:.3f}" for k, v in result["cpu_rtf"].items())
        )
    if result["absent"]:
        print(f"absent: {', '.join(result['absent'])}")
    if args.json:
        text = json.dumps({**result, "records": records}, indent=1, ensure_ascii=False)
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
