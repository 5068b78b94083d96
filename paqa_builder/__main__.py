"""``python -m paqa_builder``: the same as ``paqa``."""

from paqa_builder.cli import main

if __name__ == "__main__":
    main()
