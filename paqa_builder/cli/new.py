"""``paqa new``: writes the files of an extension, to be changed; ``paqa new source``."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from importlib.metadata import packages_distributions
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated

import typer

from paqa_builder.cli import common
from paqa_builder.cli.common import guard, paragraphs
from paqa_builder.errors import ConfigError

_FILES = {"{}.py": "source.py.jinja", "{}.md": "card.md.jinja", "test_{}.py": "test.py.jinja"}


def source(
    name: Annotated[str, typer.Argument(help="Name of the source, such as my_birds.", show_default=False)],
    folder: Annotated[
        Path, typer.Option("--dir", help="Folder of the files \\[the current one].", show_default=False)
    ] = Path(),
) -> None:
    """Write a source for a corpus of your own: NAME.py, its data card NAME.md and its test test_NAME.py.

    The source works as it is, for a folder of audio with a table (CSV): split, sounds, speaker, text,
    licence. Its first lines say what to change. Existing files are never overwritten.

    [dim]Example:[/]

    paqa new source my_birds
    """
    written = write(name, folder)
    plugin, card, test = (shlex.quote(str(path)) for path in written)
    common.out.print(f"written: {plugin}, {card}, {test}", soft_wrap=True)
    common.out.print(f"1. Change the first lines of {plugin}: the table and its columns.", soft_wrap=True)
    common.out.print("2. Then run:", soft_wrap=True)
    chosen = f"--plugin {plugin} --source {name} --root FOLDER --out try --preset fake"
    for command in (
        f"python -m pytest -q {test}",
        f"paqa plan {chosen}",
        f"paqa build {chosen} --limit 10",
        "paqa verify try",
    ):
        common.out.print(f"   {command}", style="dim", soft_wrap=True)
    common.out.print(f"3. Describe the corpus in {card}: the data set's card shows it.", soft_wrap=True)


def write(name: str, folder: Path) -> list[Path]:
    """Writes the files of a new source.

    Raises:
        ConfigError: The name cannot be used, or a file is there already.
        NotReadyError: The folder is not writable.
    """
    from jinja2 import Environment, StrictUndefined

    from paqa_builder import registry
    from paqa_builder.files import write_atomic

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a source",
            fix="use up to 60 lower-case letters, digits and _, such as my_birds",
        )
    if name in ("paqa_builder", "test", *sys.stdlib_module_names, *packages_distributions()):
        raise ConfigError(
            f"{name!r} is the name of a Python module, which {name}.py would replace",
            fix=f"choose another name, such as {name}_audio",
        )
    if name in registry.names("source"):
        raise ConfigError(f"a source is called {name!r} already", fix="choose another name")
    paths = [folder / pattern.format(name) for pattern in _FILES]
    for path in paths:
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{path}: is there already", fix="choose another name, or another --dir")
    class_name = "".join(part.capitalize() for part in name.split("_")) or name
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    templates = resources("paqa_builder").joinpath("data/new_source")
    for path, template in zip(paths, _FILES.values(), strict=True):
        text = templates.joinpath(template).read_text(encoding="utf-8")
        filled = environment.from_string(text).render(name=name, class_name=class_name)
        write_atomic(path, filled.encode(), setting="--dir")
    return paths


app = typer.Typer(help="Write the files of an extension, to be changed.", no_args_is_help=True)
app.command("source", help=paragraphs(source))(guard(source))


@app.callback()
def _group() -> None:
    """Keeps ``source`` a command of its own while it is the only one."""
