"""The Python API: a build, the scene of one file, questions about scenes, and their proofs.

``import paqa_builder as paqa`` offers these functions as ``paqa.build``, ``paqa.perceive``, ``paqa.ask`` and
``paqa.verify``. The command line does the same and more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from paqa_builder import files, registry
from paqa_builder.config import load, validate_options
from paqa_builder.errors import AudioError
from paqa_builder.pipeline import build as pipeline_build
from paqa_builder.pipeline import doctor, scenes
from paqa_builder.pipeline.build import BuildReport
from paqa_builder.pipeline.perceive import NoProgress, Progress, run_stage
from paqa_builder.pipeline.plan import Plan, resolve_stages
from paqa_builder.questions import Corpus, QaOptions, Question, generate, load_templates
from paqa_builder.questions import verify as problems_of
from paqa_builder.questions.generate import select
from paqa_builder.questions.rehearsal import rehearse
from paqa_builder.records import Clip, Scene
from paqa_builder.runtime.executor import executor_for


def build(
    source: str,
    *,
    root: str | Path | None = None,
    out: str | Path,
    preset: str = "cpu",
    progress: Progress | None = None,
    **settings: Any,
) -> BuildReport:
    """Builds a data set: the same as ``paqa build``.

    Args:
        source: Name of a source, built in or from a plugin (``paqa ls sources``).
        root: Folder of the corpus.
        out: Folder for the Parquet shards. Work that is already done there is reused.
        preset: Named set of backends: ``"cpu"``, ``"gpu"`` or ``"fake"``.
        progress: Receives progress updates.
        settings: Any other setting of ``docs/configuration.md``, such as ``limit=10`` or
            ``plugins=["birds.py"]``.

    Returns:
        What was built, what failed and what it cost.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: The corpus cannot be listed.
        NotReadyError: A package, a model or disk space is missing. Finished work is kept.

    Example:
        >>> report = build("folder", root="recordings", out="shards")  # doctest: +SKIP
        >>> report.summary.questions  # doctest: +SKIP
    """
    flags = {"source": source, "root": root, "out": Path(out), "preset": preset, **settings}
    return pipeline_build.build(load(flags), progress)


def perceive(
    path: str | Path, preset: str = "cpu", *, work: str | Path | None = None, **settings: Any
) -> Scene:
    """Runs all perception stages on one audio file.

    Args:
        path: An audio file of any format that ``paqa build`` reads.
        preset: Named set of backends: ``"cpu"``, ``"gpu"`` or ``"fake"``.
        work: Folder for stems and intermediate results, which a later call reuses. By default a temporary
            folder, removed at the end: the paths of ``scene.stems`` then lead nowhere.
        settings: Any other setting of ``docs/configuration.md``.

    Returns:
        The file's scene. A stage that failed leaves its layer None and a record in ``scene.failures``.

    Raises:
        AudioError: The file cannot be read as audio.
        ConfigError: A setting is wrong.
        NotReadyError: A package or a model is missing.

    Example:
        >>> scene = perceive("office.wav")  # doctest: +SKIP
        >>> [(turn.speaker, turn.start, turn.end) for turn in scene.turns]  # doctest: +SKIP
    """
    if work is None:
        with tempfile.TemporaryDirectory(prefix="paqa-") as folder:
            return perceive(path, preset, work=folder, **settings)
    if not Path(path).is_file():
        raise AudioError(f"{path}: no such file")
    config = load({"preset": preset, "work": Path(work), "executor": "inline", **settings})
    for plugin in config.plugins:
        registry.load_plugin(plugin)
    clip = Clip(id=Path(path).name, source="file", split="train", path=str(path))
    parts = files.parts_of(files.fingerprint([clip], config.work_folder), 1)
    plan = Plan(config, None, tuple(parts), resolve_stages(config))
    doctor.require((stage.name, stage.backend) for stage in plan.stages if stage.config)
    for stage in plan.stages:
        run_stage(plan, stage, executor_for(config, on_gpu=stage.on_gpu), NoProgress())
    (scene,) = scenes.of_plan(plan)
    if scene.audio is None:
        raise AudioError(scene.failures[0].message)
    return scene


def ask(
    scenes: Iterable[Scene],
    *,
    templates: Sequence[str | Path] = (),
    questions: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> list[Question]:
    """Asks questions about scenes. Each question that is returned is proved.

    Wrong choices are drawn from all the scenes together, so more scenes give better ones. The blind gate
    needs a whole corpus and judges only the questions of :func:`build`.

    Args:
        scenes: Scenes of :func:`perceive` or :func:`~paqa_builder.dataset.read.load_scenes`.
        templates: Folders or files with further question templates (YAML).
        questions: The settings under ``questions`` in ``docs/configuration.md``.
        seed: Seed of every choice that is made by hash.

    Returns:
        Questions in the order of the scenes.

    Raises:
        ConfigError: A setting or a template is wrong.

    Example:
        >>> for question in ask([perceive("office.wav")]):  # doctest: +SKIP
        ...     print(question.question, question.answer)
    """
    listed = list(scenes)
    options: QaOptions = validate_options(QaOptions, questions or {}, "questions")
    known = load_templates([Path(folder) for folder in templates])
    kinds = {template.fact for template in select(known, options)}
    corpus = rehearse(Corpus.of(listed, options, kinds), lambda: iter(listed), known, options, seed)
    return [
        question
        for scene in listed
        for question in generate(scene, corpus, known, options, seed)
        if not problems_of(question, scene, options, known)
    ]


def verify(
    question: Question,
    scene: Scene,
    *,
    templates: Sequence[str | Path] = (),
    questions: Mapping[str, Any] | None = None,
) -> list[str]:
    """Proves a question from its scene: recomputes the answer, and shows that each wrong choice is wrong.

    Args:
        templates: Folders or files with further templates, as the question was asked with.
        questions: The settings under ``questions``, as the question was asked with.

    Returns:
        What keeps the question from being proved, a sentence each; an empty list where it is proved.

    Example:
        >>> scene = perceive("office.wav")  # doctest: +SKIP
        >>> [verify(question, scene) for question in ask([scene])]  # doctest: +SKIP
    """
    options: QaOptions = validate_options(QaOptions, questions or {}, "questions")
    return problems_of(question, scene, options, load_templates([Path(folder) for folder in templates]))
