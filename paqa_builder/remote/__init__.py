"""Folders at a URL: corpora that are read from there, and data sets that are written there.

Any file system of fsspec works: ``s3://``, ``hf://``, ``gs://`` and others whose package is installed.
Credentials come from the environment or from the configuration files of these packages, never from the URL.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.text.privacy import redact

_URL = re.compile(r"([a-z][a-z0-9+]+(?:::[a-z][a-z0-9+]+)*):/+(.*)", re.DOTALL)
_ROOTED = ("file", "local")
_PACKAGES = {"s3": "s3", "s3a": "s3"}
"""Extras of this package by scheme."""
_PAUSES = (1.0, 4.0)
"""Seconds before each further attempt."""
T = TypeVar("T")


def url_of(path: Path | str | None) -> str | None:
    """The URL that a setting holds; None for a local path. A :class:`Path` loses one of its two slashes.

    Example:
        >>> url_of(Path("s3://bucket/audio")), url_of("hf://datasets/me/audio"), url_of(Path("/audio"))
        ('s3://bucket/audio', 'hf://datasets/me/audio', None)
    """
    match = _URL.fullmatch(str(path)) if path is not None else None
    if match is None:
        return None
    scheme, rest = match.groups()
    return f"{scheme}://{'/' if scheme in _ROOTED else ''}{rest.rstrip('/')}"


def shown(path: Path) -> str:
    """A path or a URL for messages, without secrets."""
    return redact(url_of(path) or str(path))


def open_folder(url: str, setting: str) -> tuple[Any, str]:
    """The file system of a URL, and the folder's path in it.

    Args:
        setting: The setting that holds the URL, for messages.

    Raises:
        ConfigError: The URL holds credentials, or its scheme is unknown.
        NotReadyError: The package of the file system is not installed, or it cannot be reached.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query:
        raise ConfigError(
            f"{setting} {redact(url).partition('?')[0]}: a URL must not hold credentials or parameters, "
            "since it is stored in the work folder",
            fix="set them in the environment, such as AWS_ACCESS_KEY_ID, or FSSPEC_<SCHEME>_<PARAMETER>",
        )
    import fsspec

    scheme = url.partition("://")[0]
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        fix = f"pip install 'paqa-builder[{_PACKAGES[scheme]}]'" if scheme in _PACKAGES else str(error)
        raise NotReadyError(f"{setting} {redact(url)}: {error}", fix=fix) from None
    except ValueError as error:
        raise ConfigError(
            f"{setting} {redact(url)}: {error}", fix="use a folder, or a URL of fsspec"
        ) from None
    except Exception as error:
        raise unreachable(url, setting, error) from None
    return fs, str(path)


def attempted(call: Callable[[], T], url: str, setting: str) -> T:
    """The result of a call to a remote file system, which is repeated after errors of the connection.

    Raises:
        FileNotFoundError: There is no such file.
        NotReadyError: The call failed several times, or is not permitted.
    """
    for pause in (*_PAUSES, None):
        try:
            with _online(url):
                return call()
        except (FileNotFoundError, NotReadyError):
            raise
        except Exception as error:  # every file system raises others
            if pause is None or isinstance(error, PermissionError):
                # Without a cause: an OSError as cause would say that the local disk is full.
                raise unreachable(url, setting, error) from None
            time.sleep(pause)
    raise AssertionError


@contextmanager
def _online(url: str) -> Iterator[None]:
    """Lets ``hf://`` reach the Hub in a worker, whose environment forbids it to models."""
    if not url.startswith("hf://"):
        yield
        return
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def unreachable(url: str, setting: str, error: Exception) -> NotReadyError:
    """The error for a remote file system that does not answer as it should."""
    text = str(error).strip().splitlines()
    message = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    return NotReadyError(
        f"{setting} {redact(url)}: {message}",
        fix="check the address, the connection and the credentials, and run the same command again",
    )
