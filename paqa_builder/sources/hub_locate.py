"""Finds a data set of the Hub, or a local copy of one, and its revision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from paqa_builder.errors import NotReadyError, SourceError
from paqa_builder.files import digest
from paqa_builder.sources.hub_data import HubData, own_shards, short
from paqa_builder.untrusted import load_yaml

_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def locate(path: str, revision: str | None) -> HubData:
    """Finds a data set and its revision.

    Raises:
        SourceError: There is no such folder or data set.
        NotReadyError: The Hub cannot be reached, or asks for a login.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return _local(folder)
    if not _NAME.fullmatch(path):
        raise SourceError(f"{path}: no such folder, and no name of a data set such as owner/name")
    if revision and _COMMIT.fullmatch(revision):
        return HubData(path, False, revision, f"{path}@{revision}")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        info = HfApi().dataset_info(path, revision=revision)
    except GatedRepoError as error:
        raise NotReadyError(
            f"{path}: its authors ask for an agreement",
            fix=f"accept it on https://huggingface.co/datasets/{path}, then: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise SourceError(
            f"{path}: the Hub has no data set of this name that you may read",
            fix="check the option path; for a private one: hf auth login",
        ) from error
    except HfHubHTTPError as error:
        raise SourceError(f"{path}, revision {revision}: {short(error)}", fix="check both") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise NotReadyError(
            f"{path}: the Hub cannot be reached ({short(error)})",
            fix="check the network; or set path to a local copy: hf download --repo-type dataset "
            f"{path} --local-dir DIR",
        ) from error
    card = info.card_data.to_dict() if info.card_data else {}
    return HubData(path, False, str(info.sha), f"{path}@{info.sha}", _license(card))


def _local(folder: Path) -> HubData:
    if (folder / "paqa.lock.json").is_file():
        raise own_shards(folder.name)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not files:
        raise SourceError(f"{folder}: no files")
    sizes = [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in files]
    stamps = [p.stat().st_mtime_ns for p in files]
    card: Any = {}
    readme = folder / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8", errors="replace")[: 1 << 20]
        if match := re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL):
            try:
                card = load_yaml(match[1])
            except yaml.YAMLError:
                card = {}
    return HubData(
        str(folder), True, digest(sizes), digest([str(folder.resolve()), sizes, stamps]), _license(card)
    )


def _license(card: Any) -> str:
    """The one licence that a card states."""
    stated = card.get("license") if isinstance(card, Mapping) else None
    if isinstance(stated, list):
        stated = stated[0] if len(stated) == 1 else None
    return stated if isinstance(stated, str) and stated not in ("other", "unknown") else ""
