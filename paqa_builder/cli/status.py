"""``paqa status``: the progress of a build."""

from __future__ import annotations

from paqa_builder.cli import common
from paqa_builder.cli.common import ConfigOption, JsonOption, OutOption, WorkOption
from paqa_builder.errors import ConfigError
from paqa_builder.remote import url_of


def status(
    out: OutOption = None, work: WorkOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the progress of a build: finished and failed clips of each stage.

    Reads the work folder only, so it also works while a build runs and after a crash.

    [dim]Example:[/]

    paqa status --out shards
    """
    from paqa_builder.dataset.lock import LOCK
    from paqa_builder.pipeline.build import PUBLISHED
    from paqa_builder.pipeline.status import of_work

    settings = common.configure(out=out, work=work, config=config)
    folder = settings.work_folder
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no build has run there", fix="name the folder of the build with --out or --work"
        )
    rows = of_work(folder)
    out = folder / PUBLISHED if url_of(settings.out) else settings.out
    shards = sorted(str(path.relative_to(out)) for path in out.glob("*/*.parquet"))
    complete = (out / LOCK).is_file()
    if as_json:
        common.print_json({"work": str(folder), "stages": rows, "shards": shards, "complete": complete})
        return
    columns = ("stage", "key", "clips done", "failed", "parts")
    common.out.print(common.table(columns, [row.values() for row in rows], right=columns[2:]))
    common.out.print(f"{len(shards)} shards in {out}" if complete else f"no finished shards in {out} yet")
