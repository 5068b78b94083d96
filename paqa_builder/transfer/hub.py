"""Addresses, checksums and logins of files on the Hugging Face Hub, or on the mirror ``HF_ENDPOINT``."""

from __future__ import annotations

import os
import re

from paqa_builder.errors import NotReadyError

HUB = "https://huggingface.co"
REFUSED = "check HF_ENDPOINT and the proxy; if the file has moved, a newer paqa-builder has its new address"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DATASETS = "datasets/"


def resolve(source: str, again: str, terms: tuple[str, ...] = ()) -> tuple[str, str, str | None]:
    """URL, checksum (empty where the Hub states none) and login for a file on the Hub.

    Args:
        source: ``"owner/repository:path"``, or ``"datasets/owner/repository:path"``.
        again: The command that runs this download, for messages.
        terms: Repositories whose terms users must accept first.

    Raises:
        NotReadyError: The Hub refuses, or cannot be reached.
    """
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    repository, _, path = source.partition(":")
    kind = "dataset" if repository.startswith(_DATASETS) else "model"
    endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    url = hf_hub_url(repository.removeprefix(_DATASETS), path, repo_type=kind, endpoint=endpoint)
    try:
        etag = get_hf_file_metadata(url, endpoint=endpoint, retry_on_errors=True).etag or ""
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403) and terms:
            pages = " and ".join(f"{HUB}/{page}" for page in terms)
            raise NotReadyError(
                f"{url}: refused (HTTP {status}); its authors ask users to accept their terms first",
                fix=f"accept them at {pages}, then: hf auth login, then: {again}",
            ) from error
        raise NotReadyError(f"{url}: HTTP {status}", fix=REFUSED) from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise NotReadyError(f"{url} cannot be reached ({error})", fix=again) from error
    # Of a small file the Hub states another hash.
    return url, f"sha256:{etag}" if _SHA256.fullmatch(etag) else "", get_token()
