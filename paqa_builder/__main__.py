"""Runs the command line as ``python -m paqa_builder``."""

from paqa_builder.cli import main

if __name__ == "__main__":
    main()
