"""``croissant.json``: the data set's description in Croissant 1.0, with its fields for responsible AI.

The Hub makes a Croissant file of its own, without the fields for responsible AI; this one has them.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from paqa_builder import licenses
from paqa_builder.dataset import schema
from paqa_builder.dataset.lock import NC, ShardFile
from paqa_builder.dataset.summary import Summary
from paqa_builder.records import TRUTH
from paqa_builder.runtime.version import __version__
from paqa_builder.text.visible import visible

CITATION = "HyPeR: Listen, Pause, and Reason. ACL 2026. arXiv:2604.14806"

_TYPES = {
    schema.TEXT: "sc:Text",
    schema.REAL: "sc:Float",
    schema.WHOLE: "sc:Integer",
    schema.TRUTH_VALUE: "sc:Boolean",
    schema.AUDIO: "sc:AudioObject",
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_CONFIGURATIONS = {
    "default": ("data/", "", schema.QUESTIONS, "Questions with their audio, under open or unknown licences."),
    "nc": ("data/", NC, schema.QUESTIONS, "Questions with their audio, under other licences."),
    "scenes": ("scenes/", "", schema.SCENES, "All records of each clip."),
    "quarantine": ("quarantine/", "", schema.QUARANTINE, "Refused questions with the reasons."),
}


def render(summary: Summary, files: Sequence[ShardFile], build: Mapping[str, Any]) -> bytes:
    """The file's bytes.

    Args:
        files: The shards.
        build: The lock's description of the build.
    """
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": "perception-grounded-audio-questions",
        "description": _description(summary),
        "license": [licenses.url(name) or name for name in sorted(summary.licenses)] or ["unknown"],
        "keywords": ["audio", "question answering", "multiple choice"],
        "version": __version__,
        "citeAs": CITATION,
        "inLanguage": sorted(summary.languages) or ["en"],
        "isLiveDataset": False,
        **{f"rai:{name}": text for name, text in _responsible(summary, build).items()},
        "distribution": [_file(file) for file in files],
        "recordSet": [record for name in _CONFIGURATIONS for record in _records(name, files)],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _description(summary: Summary) -> str:
    questions, clips = sum(summary.questions.values()), sum(summary.clips.values())
    sources = ", ".join(map(visible, sorted(summary.sources)))
    return (
        f"{questions} multiple-choice questions about audio, {clips} clips of {sources or 'no corpus'}. Each "
        "question has its answer, a trace from perception to reasoning, and the evidence that proves it."
    )


def _file(file: ShardFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _records(configuration: str, files: Sequence[ShardFile]) -> list[dict[str, Any]]:
    """The record sets of a configuration, one for each of its shards: a Croissant field has one source."""
    start, prefix, columns, description = _CONFIGURATIONS[configuration]
    sets = []
    for file in files:
        folder, _, name = file.path.partition("/")
        if f"{folder}/" != start or name.startswith(NC) != (prefix == NC):
            continue
        identifier = f"{configuration}/{name.removeprefix(NC).removesuffix('.parquet')}"
        sets.append(
            {
                "@type": "cr:RecordSet",
                "@id": identifier,
                "name": identifier,
                "description": description,
                "field": [
                    _field(identifier, column, kind, file.path)
                    for column, kind in columns.items()
                    if not _is_nested(kind)
                ],
            }
        )
    return sets


def _is_nested(kind: Any) -> bool:
    return isinstance(kind, dict) or (isinstance(kind, list) and not isinstance(kind[0], str))


def _field(record_set: str, column: str, kind: Any, file: str) -> dict[str, Any]:
    """A column with plain values or a list of them; Croissant cannot describe lists of records in Parquet."""
    repeated = isinstance(kind, list)
    extract: dict[str, Any] = {"extract": {"column": column}}
    if kind == schema.AUDIO:
        extract["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column}",
        "name": f"{record_set}/{column}",
        "dataType": _TYPES[kind[0] if repeated else kind],
        **({"repeated": True} if repeated else {}),
        "source": {"fileObject": {"@id": file}, **extract},
    }


def _responsible(summary: Summary, build: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The fields for responsible AI, by name."""
    failed = (
        f"{summary.failed} of {sum(summary.clips.values())} clips failed in a stage; "
        if summary.failed
        else ""
    )
    models = [f"{o.stage}: {o.backend} {o.revision}" for o in summary.origins if o.stage != TRUTH]
    corpora = [f"{o.backend} {o.revision}" for o in summary.origins if o.stage == TRUTH]
    return {
        "dataCollection": "Audio clips of existing corpora: "
        + ", ".join(map(visible, sorted(summary.sources))),
        "dataCollectionType": ["Secondary Data analysis", "Software Collection"],
        "dataCollectionMissingData": failed
        + "a layer that is null is unknown; questions without proof are refused (configuration quarantine).",
        "dataCollectionRawData": "The audio files of the corpora, unchanged, in the column audio.",
        "dataPreprocessingProtocol": [
            "Separation of speech from background, speaker diarization, sound event tagging, transcription, "
            "acoustic measures; paqa.lock.json has all options and versions."
        ],
        "dataAnnotationProtocol": "Questions, answers and traces are generated from records by templates, "
        "and each answer is proved against the records. No person annotated them."
        + (f" Annotation of the corpora is used: {', '.join(sorted(corpora))}." if corpora else ""),
        "machineAnnotationTools": sorted(models) or ["none"],
        "annotationsPerItem": "1",
        "dataBiases": [
            "Models hear some voices, languages and sounds better than others. Clips whose facts are "
            "uncertain get fewer questions."
        ],
        "dataUseCases": ["Training and testing of audio language models on perception and reasoning."],
        "dataLimitations": [
            "Facts come from models unless the provenance is truth; models err.",
            "README.md states how many questions a model answers without the audio.",
        ],
        "dataSocialImpact": "Speech recognition and speaker comparison can be misused for surveillance. "
        "The data set must not be used to identify people.",
        "personalSensitiveInformation": _personal(summary, build),
        "dataReleaseMaintenancePlan": "Built by one command from the inputs that paqa.lock.json names.",
    }


def _personal(summary: Summary, build: Mapping[str, Any]) -> list[str]:
    found = [f"Voices in {summary.speech} clips", f"transcripts of {summary.transcribed} clips"]
    found += [f"{name} of speakers in {count} clips" for name, count in sorted(summary.stated.items())]
    hashed = build.get("speaker_names") == "hash"
    return [*found, "speakers' names are hashed" if hashed else "speakers' names are those of the corpus"]
