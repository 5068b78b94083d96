"""``paqa push``: uploads shards to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paqa_builder.cli import common


def push(
    shards: Annotated[Path, typer.Argument(help="Folder of the shards.")],
    repo: Annotated[str, typer.Argument(help="Repository on the Hub.", metavar="USER/NAME")],
    public: Annotated[bool, typer.Option("--public", help="Make the repository public \\[private].")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be uploaded; upload nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Upload although the same audio or recording is in several splits."),
    ] = False,
) -> None:
    """Upload a finished build to the Hugging Face Hub.

    Uses the login of [bold]hf auth login[/]. HF_ENDPOINT selects another server. To continue an interrupted
    upload, run the same command again.

    [dim]Example:[/]

    paqa push shards me/my-paqa --dry-run
    """
    from paqa_builder.dataset import hub

    pushed = hub.push(shards, repo, public=public, dry_run=dry_run, force=force)
    common.err.print(pushed.summary)
    if pushed.url:
        common.out.print(pushed.url, soft_wrap=True)
