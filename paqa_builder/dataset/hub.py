"""Putting a finished data set on the Hugging Face Hub.

Private unless asked otherwise. The login is the Hub's own (``hf auth login`` or ``HF_TOKEN``) and is
never shown; ``HF_ENDPOINT`` names another server. Shards are sent one by one and become visible
in a single commit, together with the removal of an earlier build's shards, so that who loads the
data set meanwhile gets the old or the new one. What has been sent is not sent again: after an
interruption, run the same command once more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.dataset import lock, write
from paqa_builder.errors import ConfigError, NotReadyError, PaqaError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

LOGIN = "hf auth login"
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was sent, or, on a dry run, what would be.

    Attributes:
        files: Paths of the data set's files, in the order in which they are sent.
        size: Bytes of all of them; those already there are not sent again.
        url: Where the data set is now; empty on a dry run.
        summary: One sentence for people.
    """

    files: tuple[str, ...]
    size: int
    url: str
    summary: str


def push(folder: Path, repo_id: str, *, public: bool = False, dry_run: bool = False) -> Pushed:
    """Uploads the data set in ``folder``; files that no build wrote there stay behind.

    Args:
        repo_id: ``"user/name"``, created if it does not exist.
        public: Whether everybody may read it. An existing one is never changed in that.
        dry_run: Checks the folder and sends nothing.

    Raises:
        ConfigError: ``repo_id`` is not of the form ``user/name``.
        NotReadyError: No user is logged in, or the Hub cannot be reached.
        PaqaError: The build is not finished or was changed, the repository's visibility is not the
            one that was asked for, or the Hub refuses.
    """
    if not _NAME.fullmatch(repo_id):
        raise ConfigError(f"{repo_id!r} is no name of a repository", fix="give it as USER/NAME")
    made = lock.verify(folder)
    if not (folder / "README.md").is_file():
        raise PaqaError(f"{folder / 'README.md'}: missing", fix=f"run the build into '{folder}' again")
    files = [file.path for file in made.files] + ["README.md", lock.LOCK]
    size = sum((folder / name).stat().st_size for name in files)
    what = f"{len(files)} files ({size / 1e6:.1f} MB)"
    seen_by = "public" if public else "private"
    if dry_run:
        return Pushed(tuple(files), size, "", f"Would send {what} to the {seen_by} data set {repo_id}.")
    with _explained(repo_id):
        api = _api()
        there = _files_there(api, repo_id, public=public)
        url = _send(api, folder, repo_id, files, there)
    return Pushed(tuple(files), size, url, f"The {seen_by} data set {repo_id} has {what}.")


def _api() -> HfApi:
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise NotReadyError("no user is logged in to the Hugging Face Hub", fix=LOGIN)
    return HfApi(library_name="paqa-builder")


def _files_there(api: HfApi, repo_id: str, *, public: bool) -> list[str]:
    """Paths of the repository's files; it is created if it does not exist.

    Raises:
        PaqaError: It exists, and more or fewer people can read it than asked for.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(repo_id)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, repo_type="dataset", private=not public)
        return []
    if bool(info.private) == public:
        fix = "push to another name, or change it in its settings on the Hub"
        if public:
            raise PaqaError(f"{repo_id} exists and is private, but --public was given", fix=fix)
        raise PaqaError(
            f"{repo_id} exists and is public: everybody could read what is pushed",
            fix=f"add --public if that is meant; else {fix}",
        )
    return [file.rfilename for file in info.siblings or ()]


def _send(api: HfApi, folder: Path, repo_id: str, files: list[str], there: list[str]) -> str:
    """Sends the files, then makes one commit of them. Returns the data set's address."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = []
    for n, name in enumerate(files, start=1):
        addition = CommitOperationAdd(name, folder / name)
        log.info("%d of %d: %s", n, len(files), name)
        # One at a time: when the connection breaks, all before this one are safe.
        api.preupload_lfs_files(repo_id, [addition], repo_type="dataset", free_memory=False)
        operations.append(addition)
    stale = sorted(name for name in there if write.is_shard(name) and name not in files)
    operations += [CommitOperationDelete(name) for name in stale]
    api.create_commit(repo_id, operations, commit_message="Data set built with paqa", repo_type="dataset")
    return f"{api.endpoint}/datasets/{repo_id}"


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Turns the Hub's errors into ours."""
    try:
        yield
    except Exception as error:
        # A failed upload arrives as a RuntimeError, with what happened as its cause.
        cause = error.__cause__ if type(error) is RuntimeError and error.__cause__ else error
        ours = _our_error(cause, repo_id)
        if ours is None:
            raise
        raise ours from error


def _our_error(error: BaseException, repo_id: str) -> PaqaError | None:
    """What to tell the user; None for what is no error of the Hub's."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    again = "run the same command again: what has been sent is not sent again"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return NotReadyError("the Hub does not accept the login", fix=LOGIN)
        if status == 403:
            return PaqaError(
                f"the Hub refuses to write to {repo_id}: the login has no right to",
                fix=f"use a name of your own, or log in with a token that may write: {LOGIN}",
            )
        said = error.server_message or error.response.reason_phrase
        return PaqaError(f"{repo_id}: the Hub answers {status} ({said})", fix=again)
    if isinstance(error, OfflineModeIsEnabled):
        return NotReadyError("HF_HUB_OFFLINE forbids to reach the Hub", fix="unset HF_HUB_OFFLINE")
    if isinstance(error, HTTPError):
        return NotReadyError(f"the connection to the Hub failed ({type(error).__name__}: {error})", fix=again)
    if isinstance(error, ValueError):  # a name, or a card's YAML, that the Hub does not allow
        return PaqaError(f"{repo_id}: {error}")
    return None
