"""Prepares data and untrained model of the laptop recipe: ``python -m recipes.mini --config laptop``."""

from __future__ import annotations

import argparse

from recipes import config, mini, run


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Prepares both and prints their folders."""
    settings = mini.ready(settings)
    print(f"shards  {settings.data.path}\nmodel   {settings.model.path}")


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__, lambda parser: None))
