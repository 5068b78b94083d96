"""Writes the published data set: Parquet shards, card and lock.

There are three configurations: ``data/`` has a row per question with its audio, ``scenes/`` a row per clip
with all its records, ``quarantine/`` a row per refused question. ``datasets.load_dataset(folder)`` and
the Hub's viewer read this layout without a script; ``docs/shards.md`` describes it.

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
from paqa_builder.dataset import card, lock, ownership, parquet, schema
from paqa_builder.dataset.ownership import README, TEMPORARY
from paqa_builder.dataset.summary import Summary
from paqa_builder.errors import AudioError, ClipChangedError, ConfigError, PaqaError
from paqa_builder.files import disk_errors
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
    try:
        summary = Summary(gate=verdicts.report if verdicts else None)
        columns = schema.SCENES_WITH_AUDIO if scenes_audio else schema.SCENES
        data = parquet.Configuration(temporary, "data", schema.QUESTIONS, shard_bytes)
        scenes = parquet.Configuration(temporary, "scenes", columns, shard_bytes)
        quarantine = parquet.Configuration(temporary, "quarantine", schema.QUARANTINE, shard_bytes)
        wanted = partial(_audio_or_failure, scenes_audio=scenes_audio, failures=failures)
        for scene, rows, refused, audio in _counted(items, summary, verdicts, wanted):
            split = scene.clip.split
            if refused:
                quarantine.add(split, refused, None)
            if rows:
                data.add(split, rows, audio)
            scenes.add(split, [schema.scene_row(scene)], audio if scenes_audio else None)
        shards = {**data.close(), **scenes.close(), **quarantine.close()}
        write_card = partial(card.render, summary, build=build, about=about, audio_of_all=scenes_audio)
        if failures:  # so that a build that finds these files again is not up to date
            build = {**build, "unpublished": [clip_id for clip_id, _ in failures]}
        _publish(out, shards, build, write_card)
        return summary
    finally:
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
def claim(out: Path) -> Iterator[None]:
    """Creates the folder of a data set, and reserves it until the block ends.

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
    with hold(out, "--out"):
        with disk_errors(out, "--out"):
            ownership.remove_stale(out)
            ownership.check(out, hashes=False)
            ownership.clear_incoming(out)
        yield


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
        data = Path(clip.path).read_bytes()
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


def _publish(
    out: Path,
    shards: Mapping[str, tuple[Path, int]],
    build: Mapping[str, Any],
    write_card: Callable[..., str],
) -> None:
    """Moves shards to their final paths, writes card and lock, deletes an earlier build's shards.

    Args:
        shards: Final path below ``out`` -> (path now, number of rows).
    """
    published = [
        lock.ShardFile(name, rows, path.stat().st_size, files.file_sha256(path))
        for name, (path, rows) in sorted(shards.items())
    ]
    text = write_card(files=published).encode()
    card_sha256 = hashlib.sha256(text).hexdigest()
    new_lock = lock.Lock(dict(build), lock.software(build), tuple(published), card_sha256)
    # All that needs space is written before the first file of the earlier data set is replaced.
    files.write_atomic(out / TEMPORARY / README, text, setting="--out")
    files.write_atomic(out / TEMPORARY / lock.LOCK, new_lock.to_bytes(), setting="--out")
    own = ownership.check(out, hashes=True)
    _make_folders(out, shards)
    _keep_edited_card(out, own)
    ownership.write_journal(out, own, published, card_sha256)

    (out / lock.LOCK).unlink(missing_ok=True)  # from here on the folder is not a finished build
    for name, (path, _) in shards.items():
        files.move_atomic(path, out / name)
    for earlier in own.shards:
        if lock.is_shard(earlier.path) and earlier.path not in shards:
            (out / earlier.path).unlink(missing_ok=True)
    files.move_atomic(out / TEMPORARY / README, out / README)
    files.move_atomic(out / TEMPORARY / lock.LOCK, out / lock.LOCK)
    (out / ownership.JOURNAL).unlink()


def _make_folders(out: Path, shards: Iterable[str]) -> None:
    """Makes the folders of the shards and checks that files can be written there."""
    for folder in {out, *((out / name).parent for name in shards)}:
        folder.mkdir(exist_ok=True)
        with disk_errors(folder, "--out"), tempfile.TemporaryFile(dir=folder):
            pass


def _keep_edited_card(out: Path, own: ownership.Owned) -> None:
    """Renames a card that was edited by hand, so that the new one does not overwrite it."""
    readme = out / README
    if own.cards and readme.is_file() and files.file_sha256(readme) not in own.cards:
        kept = ownership.unused_name(readme)
        readme.rename(kept)
        log.warning("%s was edited by hand: kept as %s", readme, kept.name)
