"""``paqa inspect``: shows the scene of a clip as a timeline."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from paqa_builder.cli import common
from paqa_builder.cli.common import JsonOption, ShardsOption
from paqa_builder.labels.audioset import is_event
from paqa_builder.text.terminal import line

_CERTAIN, _LIKELY = 0.7, 0.3  # lowest confidence or score of a full and of a half-tone bar
_NAME_WIDTH = 18


def inspect(
    clip: Annotated[str, typer.Argument(help="Id of a clip, or a beginning or end that only one id has.")],
    shards: ShardsOption = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Include tags of low score and unspecific ones (“Outside”, “Noise”, “Speech”)."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the scene of a clip: speakers, sound events, words and measures, on a timeline.

    [dim]Example:[/]

    paqa inspect street_03 --shards demo/shards
    """
    from paqa_builder.dataset import read
    from paqa_builder.untrusted.tables import damaged

    folder = common.shards_folder(shards)
    row = read.scene(folder, clip)
    if as_json:
        common.print_json(row)
        return
    with damaged(folder):
        _show(row, everything)


def _show(row: dict[str, Any], everything: bool) -> None:
    duration = row["duration"]
    if duration is None:
        common.out.print(line((row["clip_id"], "bold"), ": could not be read"))
    else:
        mixdown = row.get("mixdown") or "mean"
        common.out.print(
            line(
                (row["clip_id"], "bold"),
                f"  {duration:.1f} s, {row['sample_rate']} Hz, {row['channels']} ch",
                "" if mixdown == "mean" else f" ({mixdown})",
                f", {row['source']}/{row['split']}, {row['license']}",
            )
        )
        _timeline(row, duration, everything)
        _transcript(row)
        _measures(row)
    for failure in row["failures"]:
        common.out.print(line((f"{failure['stage']} failed", "red"), f": {failure['message']}"))


def _timeline(row: dict[str, Any], duration: float, everything: bool) -> None:
    tags = row["tags"]
    if tags and not everything:
        tags = [tag for tag in tags if tag["score"] >= _LIKELY and is_event(tag["label"])]
    width = max(20, common.out.width - _NAME_WIDTH - 2)
    common.out.print(" " * (_NAME_WIDTH + 1) + _ruler(duration, width), style="dim")
    _lanes(row["turns"], "speaker", "confidence", "cyan", duration, width, "speakers")
    _lanes(tags, "label", "score", "yellow", duration, width, "events")
    _lanes(row["truth_turns"], "speaker", None, "green", duration, width, None)
    _lanes(row["truth_tags"], "label", None, "green", duration, width, None)
    if row["truth_turns"] or row["truth_tags"]:
        common.out.print("* annotation of the corpus", style="dim")


def _measures(row: dict[str, Any]) -> None:
    # Shards of early versions have neither column.
    measures = row.get("measures")
    if measures is not None:
        clip = [
            text.format(measures[name])
            for name, text in (
                ("loudness", "{:.1f} LUFS"),
                ("snr", "speech {:+.1f} dB over the rest"),
                ("overlap", "{:.0%} of speech overlaps"),
                ("quality", "DNSMOS {:.1f}"),
            )
            if measures[name] is not None
        ]
        common.out.print(f"{'measured':<{_NAME_WIDTH}} {', '.join(clip) or 'nothing'}")
        for voice in measures["voices"]:
            common.out.print(line(f"{voice['speaker']:<{_NAME_WIDTH}} {_voice(voice)}"))
        for event in measures["events"]:
            over = "" if event["over_speech"] is None else f", {event['over_speech']:+.0f} dB over speech"
            when = f"{event['start']:.1f}–{event['end']:.1f}"
            common.out.print(
                line(f"{event['label']:<{_NAME_WIDTH}} {when}  {event['level']:.0f} dBFS{over}"),
                soft_wrap=True,
            )
    for dropped in row.get("abstentions") or ():
        common.out.print(
            line(
                (f"rejected ({dropped['reason']}) {dropped['start']:.1f}–{dropped['end']:.1f}", "dim"),
                f" {dropped['text']}",
            )
        )


def _voice(voice: dict[str, Any]) -> str:
    texts = [f"{voice['level']:.0f} dBFS"]
    if voice["pitch"] is not None:
        texts.insert(0, f"{voice['pitch']:.0f} Hz")
    if voice["rate"] is not None:
        texts.append(f"{voice['rate']:.1f} words/s")
    if voice["pauses"]:
        texts.append(f"{len(voice['pauses'])} pauses, the longest {max(voice['pauses']):.1f} s")
    return ", ".join(texts)


def _lanes(
    spans: list[dict[str, Any]] | None, name: str, score: str | None, color: str, duration: float, width: int,
    layer: str | None,
) -> None:  # fmt: skip
    if not spans:
        if layer:
            state = "not analysed" if spans is None else "none found"
            common.out.print(line(f"{layer:<{_NAME_WIDTH}} ", (state, "dim")))
        return
    lanes: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        lanes.setdefault(span[name], []).append(span)
    for label, lane in lanes.items():
        cells = [" "] * width
        for span in lane:
            first = min(width - 1, int(span["start"] / duration * width))
            last = max(first + 1, round(span["end"] / duration * width))
            confidence = 1.0 if score is None else span[score]
            bar = "█" if confidence >= _CERTAIN else "▓" if confidence >= _LIKELY else "░"
            cells[first:last] = bar * (min(last, width) - first)
        mark = "*" if score is None else ""
        title = (label if len(label) < _NAME_WIDTH else label[: _NAME_WIDTH - 2] + "…") + mark
        common.out.print(line(f"{title:<{_NAME_WIDTH}} ", ("".join(cells), color)), soft_wrap=True)


def _ruler(duration: float, width: int) -> str:
    step = next(s for s in (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 3600, 1e9) if duration / s <= 8)
    cells = [" "] * (width + 8)
    for n in range(int(duration / step) + 1):
        at = int(n * step / duration * width) if duration else 0
        text = f"{n * step:g}"
        cells[at : at + len(text)] = text
    return "".join(cells)[:width].rstrip()


def _transcript(row: dict[str, Any]) -> None:
    if row["utterances"] is None:
        common.out.print(line(f"{'speech':<{_NAME_WIDTH}} ", ("not transcribed", "dim")))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="dim")
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for utterance in row["utterances"]:
        span = f"{utterance['start']:.1f}–{utterance['end']:.1f}"
        table.add_row(span, utterance["speaker"] or "?", utterance["text"])
    common.out.print(table)
