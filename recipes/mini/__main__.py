"""Prepares the laptop's data and its untrained model: ``python -m recipes.mini --config laptop``."""

from __future__ import annotations

import argparse

from recipes import config, mini, run


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Says where both are."""
    settings = mini.ready(settings)
    print(f"shards  {settings.data.path}\nmodel   {settings.model.path}")


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, lambda parser: None))
