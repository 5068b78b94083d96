"""Writes the published data set: Parquet shards, card and lock.

There are four configurations. ``default`` and ``nc``, both in ``data/``, have a row per question with its
audio: ``nc`` those about clips whose licence is known and not open. ``scenes/`` has a row per clip with all
its records, ``quarantine/`` a row per refused question. ``datasets.load_dataset(folder)`` and the Hub's
viewer read this layout without a script; ``docs/shards.md`` describes it.

Files are written to a temporary folder, then renamed, the lock last. A build that is killed leaves the
earlier data set, or one without a lock, which the next run completes. Only files of an earlier build are
replaced or removed (:mod:`paqa_builder.dataset.ownership`).
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder import files
from paqa_builder.dataset import card, croissant, lock, ownership, parquet, schema
from paqa_builder.dataset.attribution import Attribution
from paqa_builder.dataset.lock import ATTRIBUTION, CROISSANT, NC, README
from paqa_builder.dataset.ownership import TEMPORARY
from paqa_builder.dataset.summary import Summary
from paqa_builder.errors import AudioError, ClipChangedError, ConfigError, PaqaError
from paqa_builder.files import disk_errors
from paqa_builder.files.opening import opened
from paqa_builder.licenses import is_restricted
from paqa_builder.records import Failure, Scene
from paqa_builder.runtime.hold import hold
from paqa_builder.text.privacy import portable

if TYPE_CHECKING:
    from paqa_builder.gate.report import Verdicts
    from paqa_builder.questions.question import Quarantined, Question

    Item = tuple[Scene, Sequence[Question]] | tuple[Scene, Sequence[Question], Sequence[Quarantined]]

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]
StoredAudio = tuple[bytes, str]
"""Bytes and name of an audio file."""

MB = 1_000_000
SHARD_BYTES = 300 * MB
"""Bytes of audio after which a new shard starts: the Hub's viewer reads at most 300 MB at once."""
_LARGEST_CELL = (1 << 31) - 1


def write_shards(
    out: Path,
    items: Iterable[Item],
    build: Mapping[str, Any],
    *,
    shard_bytes: int = SHARD_BYTES,
    scenes_audio: bool = False,
    about: str = "",
    verdicts: Verdicts | None = None,
    failures: list[tuple[str, Failure]] | None = None,
) -> Summary:
    """Writes a data set into ``out`` and replaces an earlier one.

    Memory does not grow with the data set. The same items and ``build`` give the same bytes.

    Args:
        items: For every clip, in order: its scene (also where stages failed), its questions and, optionally,
            its refused questions.
        build: Description of the build for the lock, as JSON values without paths and times.
        shard_bytes: Bytes of audio after which a shard is closed.
        scenes_audio: Whether ``scenes`` has audio too, including that of clips without questions.
        about: Markdown on the corpus, for the card.
        verdicts: Verdicts of the blind gate, for the column ``audio_contribution`` and the card.
        failures: Receives (clip id, failure) of every clip whose file has changed or is gone since it was
            read, or is too large. Without it, such a clip is an error.

    Raises:
        ConfigError: ``out`` has files in the way that paqa did not write, or cannot be created.
        NotReadyError: The disk is full or ``out`` is not writable. An earlier data set is intact.
        PaqaError: A clip's file has changed or is gone since it was read, or is too large for a cell.
    """
    with claim(out), disk_errors(out, "--out"):
        return _write(
            out,
            items,
            build,
            shard_bytes=shard_bytes,
            scenes_audio=scenes_audio,
            about=about,
            verdicts=verdicts,
            failures=failures,
        )


def _write(
    out: Path,
    items: Iterable[Item],
    build: Mapping[str, Any],
    *,
    shard_bytes: int,
    scenes_audio: bool,
    about: str,
    verdicts: Verdicts | None,
    failures: list[tuple[str, Failure]] | None,
) -> Summary:
    ownership.clear_incoming(out)
    temporary = out / TEMPORARY
    attribution = Attribution()
    try:
        summary = Summary(gate=verdicts.report if verdicts else None)
        columns = schema.SCENES_WITH_AUDIO if scenes_audio else schema.SCENES
        data = parquet.Configuration(temporary, "data", schema.QUESTIONS, shard_bytes)
        restricted = parquet.Configuration(temporary, "data", schema.QUESTIONS, shard_bytes, NC)
        scenes = parquet.Configuration(temporary, "scenes", columns, shard_bytes)
        quarantine = parquet.Configuration(temporary, "quarantine", schema.QUARANTINE, shard_bytes)
        wanted = partial(_audio_or_failure, scenes_audio=scenes_audio, failures=failures)
        for scene, rows, refused, audio in _counted(items, summary, verdicts, wanted):
            split = scene.clip.split
            if refused:
                quarantine.add(split, refused, None)
            if rows:
                (restricted if is_restricted(scene.clip.license) else data).add(split, rows, audio)
            scenes.add(split, [schema.scene_row(scene)], audio if scenes_audio else None)
            attribution.add(scene.clip)
        shards = {**data.close(), **restricted.close(), **scenes.close(), **quarantine.close()}
        if failures:  # so that a build that finds these files again is not up to date
            build = {**build, "unpublished": [clip_id for clip_id, _ in failures]}
        published = _published(shards)
        documents: dict[str, Callable[[], Iterable[bytes]]] = {
            README: lambda: [
                card.render(summary, published, build, about, audio_of_all=scenes_audio).encode()
            ],
            ATTRIBUTION: attribution.text,
            CROISSANT: lambda: [croissant.render(summary, published, build)],
        }
        _publish(out, shards, published, build, documents)
        return summary
    finally:
        attribution.close()
        with suppress(OSError):
            ownership.clear_incoming(out)


def summarise(items: Iterable[Item], verdicts: Verdicts | None = None) -> Summary:
    """The summary that :func:`write_shards` returns for the same items, without writing."""
    summary = Summary(gate=verdicts.report if verdicts else None)
    for _ in _counted(items, summary, verdicts, lambda scene, rows: None):
        pass
    return summary


def _counted(
    items: Iterable[Item],
    summary: Summary,
    verdicts: Verdicts | None,
    audio_of: Callable[[Scene, Rows], StoredAudio | Failure | None],
) -> Iterator[tuple[Scene, Rows, Rows, StoredAudio | None]]:
    """Yields every scene with the rows of its questions and refused questions and its audio, and counts them.

    A scene without its audio gets the failure, and has no questions.
    """
    for scene, questions, *refused_questions in items:
        rows = [
            schema.question_row(q, scene.clip, verdicts.contribution(q.id) if verdicts else None)
            for q in questions
        ]
        refused = [
            schema.quarantine_row(item.question, scene.clip, item.by, item.problems)
            for item in chain.from_iterable(refused_questions)
        ]
        audio = audio_of(scene, rows)
        if isinstance(audio, Failure):
            scene, rows, refused, audio = (
                replace(scene, failures=(*scene.failures, audio)), [], [], None,
            )  # fmt: skip
        yield scene, rows, refused, audio
        summary.add(scene, rows)
        summary.refuse(refused)


@contextmanager
def claim(out: Path, *, to_read: bool = False) -> Iterator[bool]:
    """Creates the folder of a data set, and reserves it until the block ends.

    Args:
        to_read: Whether a folder that is not writable may be used without a reservation.

    Returns:
        Whether the folder is writable.

    Raises:
        ConfigError: Something is in the way that paqa did not write, or the folder cannot be created.
        NotReadyError: Another build uses the folder, or it is not writable.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be created ({error.strerror})", fix="choose another --out"
        ) from error
    with hold(out, "--out", to_read=to_read) as writable:
        with disk_errors(out, "--out"):
            ownership.remove_stale(out)
            ownership.check(out, hashes=False)
            ownership.clear_incoming(out)
        yield writable


def _audio_or_failure(
    scene: Scene, rows: Rows, *, scenes_audio: bool, failures: list[tuple[str, Failure]] | None
) -> StoredAudio | Failure | None:
    """The audio that is stored with a scene's rows, if any; its failure if it cannot be stored."""
    if not (rows or (scenes_audio and scene.audio)):
        return None
    try:
        return _audio(scene)
    except PaqaError as error:
        if failures is None:
            raise
        message = portable(error.message, Path(scene.clip.path).parent)
        failure = Failure("publish", type(error).__name__, message)
        failures.append((scene.clip.id, failure))
        return failure


def _audio(scene: Scene) -> StoredAudio:
    """The bytes and the name of a clip's file."""
    clip = scene.clip
    try:
        with opened(clip.path) as file:
            data = file.read()
    except OSError as error:
        raise ClipChangedError(
            f"clip {clip.id}: {clip.path} cannot be read any more ({error.strerror})",
            fix="restore the file and run the build again",
        ) from error
    if scene.audio and hashlib.sha256(data).hexdigest() != scene.audio.sha256:
        raise ClipChangedError(
            f"clip {clip.id}: {clip.path} has changed since the build began", fix="run the build again"
        )
    if len(data) > _LARGEST_CELL:
        raise AudioError(
            f"clip {clip.id}: {clip.path} has {len(data) / 1e9:.1f} GB; a Parquet cell holds at most 2.1 GB",
            fix="cut the file into shorter clips",
        )
    return data, Path(clip.path).name


def _published(shards: Mapping[str, tuple[Path, int]]) -> list[lock.ShardFile]:
    return [
        lock.ShardFile(name, rows, path.stat().st_size, files.file_sha256(path))
        for name, (path, rows) in sorted(shards.items())
    ]


def _publish(
    out: Path,
    shards: Mapping[str, tuple[Path, int]],
    published: Sequence[lock.ShardFile],
    build: Mapping[str, Any],
    documents: Mapping[str, Callable[[], Iterable[bytes]]],
) -> None:
    """Moves shards to their final paths, writes documents and lock, deletes an earlier build's shards.

    Args:
        shards: Final path below ``out`` -> (path now, number of rows).
        documents: Contents of the card and the other documents, by name.
    """
    hashes = {}
    for name, content in documents.items():
        with files.atomic_file(out / TEMPORARY / name, setting="--out") as file:
            for block in content():
                file.write(block)
        hashes[name] = files.file_sha256(out / TEMPORARY / name)
    card_sha256 = hashes.pop(README)
    new_lock = lock.Lock(dict(build), lock.software(build), tuple(published), card_sha256, hashes)
    # All that needs space is written before the first file of the earlier data set is replaced.
    files.write_atomic(out / TEMPORARY / lock.LOCK, new_lock.to_bytes(), setting="--out")
    own = ownership.check(out, hashes=True)
    _make_folders(out, shards)
    _keep_edited(out, own)
    ownership.write_journal(out, own, published, new_lock.all_documents)

    (out / lock.LOCK).unlink(missing_ok=True)  # from here on the folder is not a finished build
    for name, (path, _) in shards.items():
        files.move_atomic(path, out / name)
    for earlier in own.shards:
        if lock.is_shard(earlier.path) and earlier.path not in shards:
            (out / earlier.path).unlink(missing_ok=True)
    for name in documents:
        files.move_atomic(out / TEMPORARY / name, out / name)
    files.move_atomic(out / TEMPORARY / lock.LOCK, out / lock.LOCK)
    (out / ownership.JOURNAL).unlink()


def _make_folders(out: Path, shards: Iterable[str]) -> None:
    """Makes the folders of the shards and checks that files can be written there."""
    for folder in {out, *((out / name).parent for name in shards)}:
        folder.mkdir(exist_ok=True)
        with disk_errors(folder, "--out"), tempfile.TemporaryFile(dir=folder):
            pass


def _keep_edited(out: Path, own: ownership.Owned) -> None:
    """Renames documents that were edited by hand, so that the new ones do not overwrite them."""
    for name in lock.DOCUMENTS if own.documents else ():
        path = out / name
        if path.is_file() and (name, files.file_sha256(path)) not in (own.documents or ()):
            kept = ownership.unused_name(path)
            path.rename(kept)
            log.warning("%s was edited by hand: kept as %s", path, kept.name)
