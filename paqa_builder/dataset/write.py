"""Writing the published data set: Parquet shards, card, lock.

Three configurations: ``data/`` holds one row a question with its audio, ``scenes/`` one row a clip
with all its records, ``quarantine/`` one row a question that was refused. The layout is the one that
``datasets.load_dataset(folder)`` and the Hub's viewer read without a script; ``docs/shards.md``
describes it.

Everything is written aside first, then renamed, the lock last. A build that is killed leaves the
earlier data set, or one without a lock that the next run puts right.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder import files
from paqa_builder.dataset import card, lock, parquet, schema
from paqa_builder.dataset.summary import Summary
from paqa_builder.errors import ConfigError, PaqaError
from paqa_builder.records import Scene
from paqa_builder.sources import SPLITS

if TYPE_CHECKING:
    from paqa_builder.gate.report import Verdicts
    from paqa_builder.questions.question import Quarantined, Question

    Item = tuple[Scene, Sequence[Question]] | tuple[Scene, Sequence[Question], Sequence[Quarantined]]

log = logging.getLogger(__name__)

MB = 1_000_000
SHARD_BYTES = 300 * MB
"""Audio after which a new shard starts: the Hub's viewer reads no more than 300 MB at once."""
_LARGEST_CELL = (1 << 31) - 1

ASIDE = ".paqa-incoming"
_SHARD = re.compile(rf"(?:data|scenes|quarantine)/(?:{'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")


def write_shards(
    out: Path,
    items: Iterable[Item],
    build: Mapping[str, Any],
    *,
    shard_bytes: int = SHARD_BYTES,
    scenes_audio: bool = False,
    about: str = "",
    verdicts: Verdicts | None = None,
) -> Summary:
    """Writes a data set into ``out``, replacing an earlier one.

    Items are taken one at a time and never kept, so memory does not grow with the data set. The
    same items and ``build`` give the same bytes.

    Args:
        items: Every clip's scene, those with failures too, its questions, and those that were refused,
            in the clips' order.
        build: What was built and how, as JSON; goes into the lock. No paths, no times.
        shard_bytes: Bytes of audio after which a shard is closed.
        scenes_audio: Whether ``scenes`` carries the audio as well, also of clips without questions.
        about: Markdown on the corpus for the card.
        verdicts: Those of the blind gate, for the column ``audio_contribution`` and the card.

    Raises:
        ConfigError: ``out`` holds something that is not a data set of ours.
        PaqaError: A clip's audio changed or vanished since it was heard.
    """
    claim(out)
    files.remove_litter(out)
    aside = out / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    try:
        summary = Summary(gate=verdicts.report if verdicts else None)
        columns = schema.SCENES_WITH_AUDIO if scenes_audio else schema.SCENES
        data = parquet.Configuration(aside, "data", schema.QUESTIONS, shard_bytes)
        scenes = parquet.Configuration(aside, "scenes", columns, shard_bytes)
        quarantine = parquet.Configuration(aside, "quarantine", schema.QUARANTINE, shard_bytes)
        for scene, questions, *others in items:
            clip = scene.clip
            audio = _audio(scene) if questions or (scenes_audio and scene.audio) else None
            rows = [
                schema.question_row(question, clip, verdicts.contribution(question.id) if verdicts else None)
                for question in questions
            ]
            row = schema.scene_row(scene)
            refused = [
                schema.quarantine_row(item.question, clip, item.by, item.problems)
                for some in others
                for item in some
            ]
            if refused:
                quarantine.add(clip.split, refused, None)
            if rows:
                data.add(clip.split, rows, audio)
            scenes.add(clip.split, [row], audio if scenes_audio else None)
            summary.add(scene, rows)
            summary.refuse(refused)
        placed = {**data.close(), **scenes.close(), **quarantine.close()}
        write_card = partial(card.render, summary, build=build, about=about, audio_of_all=scenes_audio)
        _publish(out, placed, build, write_card)
        return summary
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def is_shard(path: str) -> bool:
    """True for a path, relative to the data set's folder, that only a build writes."""
    return _SHARD.fullmatch(path) is not None


def claim(out: Path) -> None:
    """Refuses to overwrite a README that this program did not write."""
    readme = out / "README.md"
    if (
        readme.is_file()
        and not (out / lock.LOCK).is_file()
        and card.MARK not in readme.read_text("utf-8", "replace")
    ):
        raise ConfigError(
            f"{out}: holds a README.md that is not a data set's card made by paqa",
            fix="choose a new folder with --out",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made ({error.strerror})", fix="choose another --out") from error


def _audio(scene: Scene) -> tuple[bytes, str]:
    """A clip's file: its bytes as they are, and its name."""
    clip = scene.clip
    try:
        data = Path(clip.path).read_bytes()
    except OSError as error:
        raise PaqaError(
            f"clip {clip.id}: {clip.path} can no longer be read ({error.strerror})",
            fix="run the build again",
        ) from error
    if scene.audio and hashlib.sha256(data).hexdigest() != scene.audio.sha256:
        raise PaqaError(
            f"clip {clip.id}: {clip.path} has changed since the build began", fix="run the build again"
        )
    if len(data) > _LARGEST_CELL:
        raise PaqaError(
            f"clip {clip.id}: {len(data) / 1e9:.1f} GB do not fit a Parquet cell",
            fix="cut it into shorter clips",
        )
    return data, Path(clip.path).name


def _publish(
    out: Path,
    placed: Mapping[str, tuple[Path, int]],
    build: Mapping[str, Any],
    write_card: Callable[..., str],
) -> None:
    """Moves finished files to their names, writes card and lock, removes an earlier build's files."""
    published = []
    for name, (path, rows) in sorted(placed.items()):
        _sync(path)
        published.append(lock.ShardFile(name, rows, path.stat().st_size, files.file_sha256(path)))
    text = write_card(files=published)
    _keep_edited_card(out)

    (out / lock.LOCK).unlink(missing_ok=True)  # from here on the folder is not a finished build
    for name, (path, _) in placed.items():
        (out / name).parent.mkdir(exist_ok=True)
        os.replace(path, out / name)
    for folder in ("data", "scenes", "quarantine"):
        for old in sorted((out / folder).glob("*.parquet")):
            name = f"{folder}/{old.name}"
            if is_shard(name) and name not in placed:
                old.unlink()
    files.write_atomic(out / "README.md", text.encode())
    card_sha256 = hashlib.sha256(text.encode()).hexdigest()
    made = lock.Lock(dict(build), lock.software(), tuple(published), card_sha256)
    files.write_atomic(out / lock.LOCK, made.to_bytes())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _keep_edited_card(out: Path) -> None:
    """A card edited by hand is kept beside the new one."""
    readme = out / "README.md"
    earlier = lock.read(out) if (out / lock.LOCK).is_file() else None
    if earlier and readme.is_file() and files.file_sha256(readme) != earlier.card_sha256:
        os.replace(readme, out / "README.old.md")
        log.warning("%s was edited by hand: kept as README.old.md", readme)
