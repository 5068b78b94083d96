"""Entry point of the ``paqa`` script and of ``python -m paqa_builder``."""

from __future__ import annotations

import sys

from paqa_builder.errors import ExitCode
from paqa_builder.runtime import interrupt, threads


def main() -> None:
    """Runs the command line. Signals are handled before the commands are imported, which takes a while."""
    interrupt.install()
    threads.one_thread()
    try:
        from paqa_builder.cli import app, streams

        with streams.tolerant():
            app()
    except KeyboardInterrupt:
        print(interrupt.report(), file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        interrupt.leave()


if __name__ == "__main__":
    main()
