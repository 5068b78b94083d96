"""The functions of the Python API: ``build``, ``perceive``, ``ask`` and ``verify``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from paqa_builder import config as configuration
from paqa_builder import files, registry
from paqa_builder.audio import Audio
from paqa_builder.config import validate_options
from paqa_builder.config.environment import expanded
from paqa_builder.errors import AudioError
from paqa_builder.files import manifest
from paqa_builder.licenses import UNKNOWN
from paqa_builder.pipeline import doctor, scenes, stems
from paqa_builder.pipeline import perceive as perception
from paqa_builder.pipeline.build import BuildReport
from paqa_builder.pipeline.build import build as run_build
from paqa_builder.pipeline.plan import Plan, resolve_stages
from paqa_builder.pipeline.step import NoProgress, Progress
from paqa_builder.questions import Corpus, QaOptions, Question, load_templates
from paqa_builder.questions import verify as prove
from paqa_builder.questions.drafting import select
from paqa_builder.questions.generate import Generator
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rehearsal import rehearse
from paqa_builder.records import Clip, Scene, Stem


def build(
    source: str,
    *,
    root: Path | str | None = None,
    out: Path | str,
    preset: str = "cpu",
    progress: Progress | None = None,
    **options: Any,
) -> BuildReport:
    """Builds a data set, as ``paqa build`` does, and reuses the finished work of earlier runs.

    Args:
        source: Name of a source; ``paqa ls sources`` lists them.
        root: The corpus's folder; by default the one that ``paqa fetch`` made.
        out: Folder for the Parquet shards.
        preset: Named set of models: ``"cpu"``, ``"gpu"`` or ``"fake"``.
        progress: Receives progress updates.
        options: Any other setting of :class:`~paqa_builder.config.Config`, such as ``limit=100``.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing.

    Example:
        >>> import paqa_builder as paqa
        >>> report = paqa.build("folder", root="recordings", out="shards", preset="fake")
        >>> report.failures
        ()
        >>> len(list(paqa.load_scenes("shards")))
        6
    """
    flags = {"source": source, "root": root, "out": out, "preset": preset, **options}
    return run_build(configuration.load(flags), progress)


def perceive(
    path: Path | str, preset: str = "cpu", *, work: Path | str | None = None, **options: Any
) -> Scene:
    """Runs separation, diarization, tagging, transcription and measurement on one audio file.

    Args:
        path: The audio file.
        preset: Named set of models: ``"cpu"``, ``"gpu"`` or ``"fake"``.
        work: Folder that keeps the stems and the results for a second call; :func:`load_stem` reads the
            stems of the scene from it. By default a temporary folder, which is deleted.
        options: Any other setting of :class:`~paqa_builder.config.Config`, such as ``device="cuda"``.

    Returns:
        The file's scene. A layer whose stage is left out is None.

    Raises:
        AudioError: The file cannot be read, or a model fails on it.
        ConfigError: A setting is wrong.
        NotReadyError: A package or a model is missing.

    Example:
        >>> import paqa_builder as paqa
        >>> scene = paqa.perceive("recordings/monologue.wav", preset="fake")
        >>> [tag.label for tag in scene.tags]
        ['Bell']
    """
    if work is None:
        with tempfile.TemporaryDirectory(prefix="paqa-") as temporary:
            return perceive(path, preset, work=temporary, **options)
    file, folder = expanded(path), expanded(work)
    flags = {
        "preset": preset,
        "out": folder / "shards",
        "work": folder,
        "executor": "inline",
        "stems": "keep",
    }
    flags |= options
    settings = configuration.load(flags)
    registry.load_plugins(settings.plugins)
    clip = Clip(id=file.stem, source="file", split="train", path=str(file), license=UNKNOWN)
    listing, _ = manifest.write([(clip, "")], folder, save=False)
    plan = Plan(settings, None, tuple(files.parts_of(listing.items(0, 1), 1)), resolve_stages(settings))
    doctor.require((stage.name, stage.backend) for stage in plan.stages if stage.config)
    for stage in plan.stages:
        executor = stage.executor(settings)
        perception.run_stage(plan, stage, executor, NoProgress(), retry_failed=True)
    (scene,) = scenes.of_plan(plan)
    if scene.failures:
        failure = scene.failures[0]
        raise AudioError(f"{file}: stage {failure.stage}: {failure.message}", fix="paqa doctor")
    return scene


def load_stem(stem: Stem, work: Path | str) -> Audio:
    """Reads a separated stem.

    Args:
        stem: One of ``scene.stems``.
        work: The work folder: the ``work`` of :func:`perceive`, or that of a build with ``stems="keep"``.

    Returns:
        The stem's ``samples``, ``float32 [n]``, and their ``rate`` in Hz.

    Raises:
        ConfigError: The stem is not there, because the build dropped its stems.
        AudioError: The stem is damaged.

    Example:
        >>> import paqa_builder as paqa
        >>> scene = paqa.perceive("recordings/dialogue.wav", preset="fake", work="work")
        >>> speech = paqa.load_stem(scene.stems[0], "work")
        >>> round(speech.duration, 1) == round(scene.audio.duration, 1)
        True
    """
    return stems.load_stem(stem, expanded(work))


def ask(
    scenes: Iterable[Scene],
    *,
    templates: Sequence[Path | str] = (),
    plugins: Sequence[Path | str] = (),
    seed: int = 0,
    **options: Any,
) -> list[Question]:
    """Generates questions about scenes and returns those that the verifier proves.

    Wrong choices come from all scenes, so more scenes give more questions, and harder ones.

    Args:
        scenes: Scenes from :func:`perceive` or :func:`load_scenes`.
        templates: Template files or folders, in addition to the built-in templates.
        plugins: Python files with fact kinds.
        seed: Seed of all random choices.
        options: Settings of :class:`~paqa_builder.questions.options.QaOptions`, such as ``per_clip=3``.

    Returns:
        Questions in the order of the scenes.

    Raises:
        ConfigError: An option, a template or a plugin is wrong.

    Example:
        >>> import paqa_builder as paqa
        >>> scene = paqa.perceive("recordings/dialogue.wav", preset="fake")
        >>> question = paqa.ask([scene])[0]
        >>> question.answer == question.choices[question.answer_index]
        True
    """
    registry.load_plugins(plugins)
    settings: QaOptions = validate_options(QaOptions, options, "questions")
    known = list(scenes)
    available = load_templates(templates)
    facts = {template.fact for template in select(available, settings)}
    corpus = rehearse(Corpus.of(known, settings, facts), lambda: iter(known), available, settings, seed)
    generator = Generator(corpus, available, settings, seed)
    questions = []
    for scene in known:
        reading = Interpretation(scene, settings.thresholds)
        asked = generator.about(reading)
        reading = reading.without_facts()
        questions += [q for q in asked if not prove(q, scene, settings, available, reading)]
    return questions


def verify(
    question: Question, scene: Scene, *, templates: Sequence[Path | str] = (), **options: Any
) -> list[str]:
    """Proves a question from its scene alone.

    Args:
        templates: Template files or folders of the question, in addition to the built-in templates.
        options: Settings of :class:`~paqa_builder.questions.options.QaOptions` that the question was
            generated with.

    Returns:
        Problems that prevent the proof; an empty list if the question is proved.

    Example:
        >>> import paqa_builder as paqa
        >>> scene = paqa.perceive("recordings/dialogue.wav", preset="fake")
        >>> [paqa.verify(question, scene) for question in paqa.ask([scene], per_clip=2)]
        [[], []]
    """
    settings = validate_options(QaOptions, options, "questions")
    return prove(question, scene, settings, load_templates(templates) if templates else None)
