"""The data set's card: ``README.md``, whose YAML declares the files to ``datasets`` and the Hub."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from paqa_builder import registry
from paqa_builder.dataset.lock import NC, ShardFile
from paqa_builder.dataset.summary import Summary
from paqa_builder.files import digest
from paqa_builder.licenses import hub_id, is_restricted
from paqa_builder.records import STAGES, TRUTH
from paqa_builder.sources import SPLITS
from paqa_builder.text.markdown import fence, plain

MARK = "paqa-builder"
"""The tag that identifies a card written by paqa, on disk and on the Hub."""

CONFIGURATIONS = {
    "default": "data/",
    "nc": f"data/{NC}",
    "scenes": "scenes/",
    "quarantine": "quarantine/",
}
"""Beginnings of the paths of the shards, by configuration."""

_SIZES = [
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
]
_ORDER = {name: n for n, name in enumerate((TRUTH, *STAGES))}


def render(
    summary: Summary,
    files: Sequence[ShardFile],
    build: Mapping[str, Any],
    about: str = "",
    *,
    audio_of_all: bool = False,
) -> str:
    """Renders the card from the template ``data_cards/_template.md.j2``.

    Args:
        files: The shards. Configurations and splits without shards are not declared, because
            ``load_dataset`` fails on them.
        build: The lock's description of the build; its ``title``, if present, is the card's.
        about: Markdown on the corpus; by default the texts of the sources in ``data_cards/``.
        audio_of_all: Whether ``scenes`` has the audio of all clips.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=plain,
    )
    environment.filters["fence"] = fence
    return environment.from_string(_text("_template.md.j2")).render(
        front=Markup(front_matter(summary, files)),
        title=build.get("title")
        or f"Perception-grounded audio questions ({', '.join(sorted(summary.sources)) or 'empty'})",
        s=summary,
        splits=[split for split in SPLITS if summary.clips[split]],
        origins=sorted(
            summary.origins, key=lambda o: (_ORDER.get(o.stage, len(_ORDER)), o.backend, o.revision)
        ),
        configs=_configs(files),
        about=Markup((about or "\n\n".join(map(about_source, sorted(summary.sources)))).strip()),
        audio_of_all=audio_of_all,
        restricted={name: n for name, n in summary.licenses.items() if is_restricted(name)},
        hashed=build.get("speaker_names") == "hash",
        leaks={"dropped": (), "moved": (), "crossing": {}, **(build.get("leaks") or {})},
    )


def about_source(name: str) -> str:
    """The text of ``data_cards/NAME.md`` without its heading; empty if there is no such file.

    The card of a plugin's source is beside the plugin.
    """
    try:
        text = _text(f"{name}.md")
    except FileNotFoundError:
        text = _of_plugin(name)
    return text.partition("\n")[2].strip() if text.startswith("# ") else text.strip()


def _of_plugin(name: str) -> str:
    if name not in registry.names("source"):
        return ""
    file = getattr(sys.modules[registry.get("source", name).__module__], "__file__", None)
    try:
        return Path(file).with_name(f"{name}.md").read_text(encoding="utf-8") if file else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _text(name: str) -> str:
    # A wheel has the cards inside the package, a checkout next to it.
    inside = resources("paqa_builder").joinpath("data_cards")
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "data_cards"
    return folder.joinpath(name).read_text(encoding="utf-8")


def front_matter(summary: Summary, files: Sequence[ShardFile]) -> str:
    """The card's YAML front matter, without the delimiting dashes."""
    total = sum(summary.questions.values())
    # `datasets` keys its cache of a local folder by the card, not by the content of the files.
    content = f"content {digest([[file.path, file.sha256] for file in files])}"
    front: dict[str, Any] = {"pretty_name": "Perception-grounded audio questions", **_license(summary)}
    if summary.languages:
        # Noise transcribed as a word of another language does not make the data set multilingual.
        least = 0.02 * sum(summary.languages.values())
        front["language"] = sorted(name for name, n in summary.languages.items() if n >= least)
    front |= {
        "task_categories": ["audio-text-to-text", "question-answering"],
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "n>10M")],
        "tags": ["audio", "multiple-choice", "audio-question-answering", MARK],
        "configs": [
            {
                "config_name": name,
                "description": content,
                **({"default": True} if name == "default" else {}),
                "data_files": data_files,
            }
            for name, data_files in _configs(files).items()
        ],
    }
    return yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=110)


def _license(summary: Summary) -> dict[str, str]:
    """The card's licence fields: the one licence of all clips, or ``other``, explained in the card's text."""
    identifiers = {hub_id(name) for name in summary.licenses}
    if len(summary.licenses) == 1 and identifiers != {"other"}:
        return {"license": identifiers.pop()}
    return {"license": "other", "license_name": "per-clip", "license_link": "README.md"}


def _configs(files: Sequence[ShardFile]) -> dict[str, list[dict[str, str]]]:
    configs: dict[str, list[dict[str, str]]] = {}
    for name, start in CONFIGURATIONS.items():
        splits = [s for s in SPLITS if any(f.path.startswith(f"{start}{s}-") for f in files)]
        if splits:
            configs[name] = [{"split": s, "path": f"{start}{s}-*.parquet"} for s in splits]
    return configs
