"""Uploads a finished data set to the Hugging Face Hub.

The repository is private by default. The login is that of the Hub (``hf auth login`` or ``HF_TOKEN``);
``HF_ENDPOINT`` selects another server. Files are uploaded one at a time and become visible in one commit,
which also deletes an earlier build's shards: users who load the data set meanwhile get the old or
the new one. A repeated command does not upload again what the Hub already has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.dataset import lock, shared_audio
from paqa_builder.errors import ConfigError, NotReadyError, PaqaError
from paqa_builder.leaks.groups import DOUBLE, by_kind, sentence

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

LOGIN = "hf auth login"


@dataclass(frozen=True, slots=True)
class Pushed:
    """Result of an upload or of a dry run.

    Attributes:
        files: Paths of the data set's files, in upload order.
        size: Bytes of all files, including those that the Hub already has.
        url: Address of the data set; empty on a dry run.
        summary: One sentence that describes the result.
    """

    files: tuple[str, ...]
    size: int
    url: str
    summary: str


def push(
    folder: Path, repo_id: str, *, public: bool = False, dry_run: bool = False, force: bool = False
) -> Pushed:
    """Uploads the data set in ``folder``: the files that its lock lists, the card and the lock.

    Args:
        repo_id: ``"user/name"``, created if it does not exist.
        public: Whether the repository is public. The visibility of an existing one is never changed.
        dry_run: Whether to check the folder and the name only and send nothing.
        force: Whether to upload data in which the same audio, or a group of a strict kind, is in several
            splits.

    Raises:
        ConfigError: ``repo_id`` is not of the form ``user/name``, or the Hub does not allow the name.
        NotReadyError: No user is logged in, or the Hub cannot be reached.
        PaqaError: The build is unfinished or its files changed, something leaks between splits, the
            repository has another visibility than ``public`` says, or the Hub refuses the upload.
    """
    _check_name(repo_id)
    content = lock.verify(folder)
    if not (folder / lock.README).is_file():
        raise PaqaError(f"{folder / lock.README}: missing", fix=f"run the build into '{folder}' again")
    if not force and (groups := shared_audio.in_shards(folder)):
        raise PaqaError(
            f"{folder}: {shared_audio.message(groups)}: a model would be tested on audio of its training",
            fix="remove the copies and build again; or add --force",
        )
    if not force and (crossing := shared_audio.crossing_groups(folder)):
        kind, groups_of_kind = next(iter(by_kind(crossing).items()))
        setting = "leaks.duplicates" if kind == DOUBLE else "leaks.groups"
        raise PaqaError(
            f"{folder}: {sentence(kind, groups_of_kind)}: a model would be tested on what it was trained on",
            fix=f"build again with the setting {setting}: drop; or add --force",
        )
    files = [file.path for file in content.files]
    files += [name for name in lock.DOCUMENTS if (folder / name).is_file()] + [lock.LOCK]
    size = sum((folder / name).stat().st_size for name in files)
    amount = f"{len(files)} files ({size / 1e6:.1f} MB)"
    visibility = "public" if public else "private"
    if dry_run:
        return Pushed(tuple(files), size, "", f"Would send {amount} to the {visibility} data set {repo_id}.")
    with _explained(repo_id):
        api = _api()
        existing = _existing_files(api, repo_id, public=public)
        url = _send(api, folder, repo_id, files, existing)
    return Pushed(tuple(files), size, url, f"The {visibility} data set {repo_id} has {amount}.")


def _check_name(repo_id: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    owner, slash, name = repo_id.partition("/")
    try:
        validate_repo_id(repo_id)
        problem = "" if slash and owner and name else "it has no owner"
    except HFValidationError as error:
        problem = str(error).rstrip(".")
    if problem:
        raise ConfigError(
            f"{repo_id!r} is not the name of a repository: {problem}", fix="name it as USER/NAME"
        )


def _api() -> HfApi:
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise NotReadyError("no user is logged in to the Hugging Face Hub", fix=LOGIN)
    return HfApi(library_name="paqa-builder")


def _existing_files(api: HfApi, repo_id: str, *, public: bool) -> list[str]:
    """Paths of the repository's files; creates the repository if it does not exist.

    Raises:
        PaqaError: The repository exists and has another visibility.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(repo_id)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, repo_type="dataset", private=not public)
        return []
    if bool(info.private) == public:
        fix = "push to another name, or change the visibility in the repository's settings on the Hub"
        if public:
            raise PaqaError(f"{repo_id} exists and is private, but --public was given", fix=fix)
        raise PaqaError(
            f"{repo_id} exists and is public, but --public was not given",
            fix=f"add --public to publish the data; else {fix}",
        )
    return [file.rfilename for file in info.siblings or ()]


def _send(api: HfApi, folder: Path, repo_id: str, files: list[str], existing: list[str]) -> str:
    """Uploads the files and commits them at once. Returns the data set's address."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = []
    for n, name in enumerate(files, start=1):
        addition = CommitOperationAdd(name, folder / name)
        log.info("%d of %d: %s", n, len(files), name)
        # One file at a time: if the connection breaks, the earlier files are already uploaded.
        api.preupload_lfs_files(repo_id, [addition], repo_type="dataset", free_memory=False)
        operations.append(addition)
    stale = sorted(name for name in existing if lock.is_shard(name) and name not in files)
    operations += [CommitOperationDelete(name) for name in stale]
    api.create_commit(repo_id, operations, commit_message="Data set built with paqa", repo_type="dataset")
    return f"{api.endpoint}/datasets/{repo_id}"


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Converts the Hub's errors to :class:`PaqaError`."""
    try:
        yield
    except Exception as error:
        # The Hub wraps the error of a failed upload in a RuntimeError.
        cause = error.__cause__ if type(error) is RuntimeError and error.__cause__ else error
        explained = _explain(cause, repo_id)
        if explained is None:
            raise
        raise explained from error


def _explain(error: BaseException, repo_id: str) -> PaqaError | None:
    """The error to show to the user; None for an error that is not the Hub's."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    again = "run the same command again: uploaded files are not sent again"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return NotReadyError("the Hugging Face Hub rejects the login", fix=LOGIN)
        if status == 403:
            return PaqaError(
                f"the login may not write to {repo_id} on the Hugging Face Hub",
                fix=f"use a name of your own, or log in with a token that has write access: {LOGIN}",
            )
        reason = error.server_message or error.response.reason_phrase
        return PaqaError(f"{repo_id}: the Hub answers {status} ({reason})", fix=again)
    if isinstance(error, OfflineModeIsEnabled):
        return NotReadyError(
            "HF_HUB_OFFLINE is set, so the Hub cannot be reached", fix="unset HF_HUB_OFFLINE"
        )
    if isinstance(error, HTTPError):
        return NotReadyError(f"the connection to the Hub failed ({type(error).__name__}: {error})", fix=again)
    if isinstance(error, ValueError):  # the Hub rejects the name or the card's YAML
        return PaqaError(f"{repo_id}: {error}")
    return None
