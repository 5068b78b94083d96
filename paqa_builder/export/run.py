"""Exports finished shards into the format of another tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from paqa_builder import registry
from paqa_builder.config.environment import expanded
from paqa_builder.errors import AudioError, ConfigError
from paqa_builder.export import owned, shards
from paqa_builder.export.audio import FOLDERS, AudioStore, Written
from paqa_builder.export.base import ExportClip, ExportFormat, ExportOptions
from paqa_builder.export.layers import layers_of
from paqa_builder.export.names import Names
from paqa_builder.export.output import Output
from paqa_builder.files import disk_errors
from paqa_builder.runtime.hold import hold

ATTRIBUTION = "ATTRIBUTION.csv"
_COLUMNS = ["clip_id", "name", "audio", "split", "source", "license", "attribution", "source_url"]
_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
NO_AUDIO = "clips whose audio is not in the shards"


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes:
        folder: The folder of the format.
        rows: Number of rows by file; a file of one clip has one.
        left_out: What was left out, by reason.
        failures: Clips whose audio could not be decoded, with the reason.
    """

    format: str
    folder: Path
    clips: int
    rows: dict[str, int]
    left_out: dict[str, int]
    failures: list[tuple[str, str]] = field(default_factory=list)


def export(
    source: Path | str, to: str, folder: Path | str, options: ExportOptions | None = None
) -> ExportReport:
    """Exports shards.

    Args:
        source: The folder of the shards.
        to: Name of the format; ``paqa ls exports`` lists them.
        folder: The folder of the export; several formats may share it, and then share the audio.

    Raises: ConfigError: The format, a split or the folder cannot be used, or files that paqa did not write
    are in the way. DamagedError: A shard is damaged. NotReadyError: The disk is full, the folder is not
    writable, or another export uses it.
    """
    options = options or ExportOptions()
    found, target = expanded(source), Path(expanded(folder)).absolute()
    form: ExportFormat = registry.get("export", to)(options)
    if not _NAME.fullmatch(form.name) or form.name in FOLDERS.values():
        raise ConfigError(
            f"the export format {form.name!r} has no usable name", fix="use letters, digits and -"
        )
    names = Names(shards.clip_ids(found))
    splits = _splits(found, form, options)
    with disk_errors(target, "DIR"):
        target.mkdir(parents=True, exist_ok=True)
    with hold(target, "DIR"):
        return _export(found, target, form, names, splits)


def _splits(source: Path, form: ExportFormat, options: ExportOptions) -> list[str]:
    there = shards.splits_of(source)
    wanted = options.splits or form.splits or tuple(there)
    missing = [split for split in wanted if split not in there]
    if missing:
        default = "" if options.splits else f", which {form.name} exports by default"
        raise ConfigError(
            f"{source}: no split {missing[0]!r}{default}; there are: {', '.join(there)}",
            fix=f"--split {there[0]}" if there else None,
        )
    return list(dict.fromkeys(wanted))


def _export(source: Path, folder: Path, form: ExportFormat, names: Names, splits: list[str]) -> ExportReport:
    exported = owned.read(folder)
    owned.check(folder, form.name, exported)
    out = Output(folder / form.name, owned.incoming(folder))
    clips = _Clips(source, folder, form, names, exported.hashes(), out)
    try:
        with disk_errors(folder, "DIR"):
            form.write(clips.of(splits), out)
            out.close()
    except BaseException:
        out.discard()
        owned.clear(folder)
        raise
    made = {f"{form.name}/{name}": path for name, path in out.files()}
    rows = {name: count for name, count in sorted(out.rows.items()) if count}
    owned.publish(folder, form.name, exported, asdict(form.options), made, clips.audio)
    return ExportReport(form.name, folder / form.name, clips.count, rows, dict(out.left_out), clips.failures)


class _Clips:
    """The clips of an export, with their audio written."""

    def __init__(
        self,
        source: Path,
        folder: Path,
        form: ExportFormat,
        names: Names,
        hashes: dict[str, set[str]],
        out: Output,
    ) -> None:
        self._source, self._form, self._names, self._out = source, form, names, out
        self._wants_audio = form.audio != "none" or form.embeds
        self._store = AudioStore(folder, hashes)
        self.audio: dict[str, Written] = {}
        self.failures: list[tuple[str, str]] = []
        self.count = 0

    def of(self, splits: list[str]) -> Iterator[ExportClip]:
        limit = self._form.options.limit
        for item in shards.clips(self._source, splits, audio=self._wants_audio):
            clip = self._clip(item)
            if clip is None:
                continue
            self.count += 1
            self._attribute(clip)
            yield clip
            if self.count == limit:
                return

    def _clip(self, item: shards.Published) -> ExportClip | None:
        scene, kind = item.scene, self._form.audio
        name = self._names.of(scene.clip.id)
        if scene.audio is None:
            self._out.leave_out("clips that could not be read")
            return None
        if self._form.with_questions and not item.questions:
            self._out.leave_out("clips without questions")
            return None
        audio = None
        if self._wants_audio:
            if item.audio is None:
                self._out.leave_out(NO_AUDIO)
                return None
            if kind != "none":
                try:
                    audio, written = self._store.write(kind, name, item.audio, scene.audio)
                except AudioError as error:
                    self.failures.append((scene.clip.id, error.message))
                    return None
                self.audio[written.path] = written
        layers = layers_of(scene, self._form.options.layer)
        return ExportClip(name, scene, layers, item.questions, item.contribution, item.audio, audio)

    def _attribute(self, clip: ExportClip) -> None:
        audio = self._out.relative(clip.audio.path) if clip.audio else ""
        about = clip.scene.clip
        cells = [about.id, clip.name, audio, about.split, about.source, *clip.terms.values()]
        self._out.table(ATTRIBUTION, _COLUMNS, cells)
