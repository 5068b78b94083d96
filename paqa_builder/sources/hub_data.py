"""Data sets of the Hub and local copies, opened as streams, with their audio as bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.audio.containers import sniff
from paqa_builder.errors import DamagedError, NotReadyError, SourceError
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.sources.hub_columns import feature_of
from paqa_builder.untrusted import tables

IN_PLACE = "in-place:"
"""Marks an audio file that is used where it is, in a local folder."""

MAX_BYTES = 1 << 31
_ARCHIVES = ("zip://", "tar://", "gzip://", "bz2://", "xz://", "zstd://", "lz4://")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_OWN = ({"question", "choices", "answer_index", "provenance"}, {"clip_id", "truth_turns"})


class NoAudioError(Exception):
    """A row has no audio that can be used."""


@dataclass(frozen=True, slots=True)
class HubData:
    """A data set at a revision.

    Attributes:
        path: Its name on the Hub, or its folder.
        local: Whether it is a folder.
        revision: The commit, or a hash of the names and sizes of the files.
        identity: What decides its content on this machine.
    """

    path: str
    local: bool
    revision: str
    identity: str
    license: str = ""

    @property
    def name(self) -> str:
        """Its name for messages and for the attribution; without folders."""
        return Path(self.path).name if self.local else self.path

    @property
    def url(self) -> str:
        return "" if self.local else f"https://huggingface.co/datasets/{self.path}"

    def open(self, config: str | None) -> dict[str, Any]:
        """The splits as streams.

        Raises:
            SourceError: It cannot be loaded as a data set.
            NotReadyError: The Hub cannot be reached, or the package ``datasets`` is missing.
        """
        datasets = _datasets()
        if self.local:
            self._check_sizes()
        with self._errors("cannot be opened", config):
            opened = datasets.load_dataset(
                self.path, config, revision=None if self.local else self.revision, streaming=True
            )
            return dict(opened)

    def _check_sizes(self) -> None:
        """Refuses Parquet files that unpack to far more than they hold."""
        for path in sorted(Path(self.path).rglob("*.parquet")):
            try:
                tables.check(path)
            except DamagedError as error:
                raise SourceError(error.message, fix="download the data set again") from error

    def reading(self, stream: Any, split: str) -> Iterator[dict[str, Any]]:
        """The rows of a stream, with errors as :meth:`open` raises them."""
        with self._errors(f"cannot be read (split {split})", None):
            yield from stream

    def audio(self, value: Any, derived: DerivedAudio) -> str:
        """Keeps the audio of a row.

        Args:
            value: The cell: bytes, a path, or both as a dict.

        Returns:
            The file below the folder of derived audio; or :data:`IN_PLACE` and the file below :attr:`path`.

        Raises:
            NoAudioError: There is none, or its path leads out of the data set.
        """
        if not derived.write:
            return "not-read"
        data, name = value, ""
        if isinstance(value, Mapping):
            data, name = value.get("bytes"), str(value.get("path") or "")
        elif isinstance(value, str):
            data, name = None, value
        if not data and name:
            if self.local and "::" not in name and "://" not in name:
                return f"{IN_PLACE}{self._inside(name).as_posix()}"
            data = self._fetched(name)
        if not isinstance(data, bytes) or not data:
            raise NoAudioError("has no audio")
        suffix = os.path.splitext(name.partition("::")[0])[1]
        if not _SUFFIX.fullmatch(suffix):
            suffix = f".{sniff(data[:4096]) or 'bin'}"
        return derived.stored(data, suffix.lower()).relative_to(derived.folder).as_posix()

    def _inside(self, name: str) -> Path:
        """A file's path below the folder."""
        root = Path(self.path).resolve()
        file = (root / name).resolve()
        if not file.is_relative_to(root):
            raise NoAudioError("its audio file is not in the folder of the data set")
        return file.relative_to(root)

    def _fetched(self, name: str) -> bytes:
        """The bytes of a file in an archive, or on the Hub."""
        *inner, archive = name.split("::")
        here = (f"hf://datasets/{self.path}@", f"hf://datasets/{self.path}/")
        allowed = "://" not in archive if self.local else archive.startswith(here)
        if not allowed or not all(link.startswith(_ARCHIVES) for link in inner):
            raise NoAudioError("its audio file is not in the data set")
        if self.local:
            self._inside(archive)
        from datasets.utils.file_utils import xopen

        try:
            with xopen(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, KeyError, ValueError) as error:
            raise NoAudioError(f"its audio file cannot be read ({error})") from error
        if len(data) > MAX_BYTES:
            raise NoAudioError(f"its audio file is larger than {MAX_BYTES >> 20} MB")
        return data

    @contextmanager
    def _errors(self, what: str, config: str | None) -> Iterator[None]:
        import pyarrow as pa
        from datasets.exceptions import DatasetsError
        from huggingface_hub.errors import HfHubHTTPError

        again = "check the network and HF_TOKEN, and run the same command again: rows that were read are kept"
        try:
            yield
        except NoAudioError:
            raise
        except (ConnectionError, HfHubHTTPError, TimeoutError) as error:
            raise NotReadyError(f"{self.name}: {what} ({short(error)})", fix=again) from error
        except (DatasetsError, pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
            fix = "check the options path, config and columns"
            if config is None and "onfig" in str(error):
                fix = "set the option config to one of those"
            raise SourceError(f"{self.name}: {what} as a data set ({short(error)})", fix=fix) from error


def features_of(stream: Any, name: str) -> dict[str, Any]:
    """The types of the columns of a stream."""
    if stream.features is None:
        stream = stream._resolve_features()
    features = dict(stream.features or {})
    if any(own <= set(features) for own in _OWN):
        raise own_shards(name)
    return features


def audio_column(features: Mapping[str, Any], given: str | None, name: str) -> str:
    """The column of the audio: the given one, or the only one of type Audio.

    Raises:
        SourceError: There is none, or there are several.
    """
    if given is not None:
        feature_of(features, given, name)
        if "." in given:
            raise SourceError(f"{name}: the column of the audio cannot be inside another one: {given!r}")
        return given
    audio = [column for column, feature in features.items() if type(feature).__name__ == "Audio"]
    if len(audio) != 1:
        kind = "no column" if not audio else f"{len(audio)} columns"
        raise SourceError(
            f"{name}: has {kind} of type Audio; its columns are: {', '.join(features) or 'none'}",
            fix="set the option columns: {audio: NAME}",
        )
    return audio[0]


def undecoded(stream: Any, column: str, *, keep: bool) -> Any:
    """The stream with the audio as bytes, or without it."""
    if not keep:
        return stream.remove_columns(column)
    if type((stream.features or {}).get(column)).__name__ == "Audio":
        return stream.cast_column(column, _datasets().Audio(decode=False))
    return stream


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise NotReadyError(
            "source 'hub' needs the package datasets", fix="pip install 'paqa-builder[datasets]'"
        ) from error
    datasets.disable_progress_bars()
    return datasets


def own_shards(name: str) -> SourceError:
    """The error for a data set that paqa built."""
    return SourceError(
        f"{name}: a data set that paqa built; its clips have their questions",
        fix="build from the corpus itself; paqa.load_scenes and paqa.load_questions read the data set",
    )


def short(error: BaseException) -> str:
    """The text of an error, on one line of at most 300 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"
