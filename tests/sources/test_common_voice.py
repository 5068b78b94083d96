"""The source ``common_voice`` on a tree of two languages and two forms of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.source_contract import check_build, check_listing, check_missing, listed, write_tone

from paqa_builder.errors import SourceError

NEW = (
    "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tgender\taccents\t"
    "variant\tlocale\tsegment\n"
)
OLD = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccent\n"


def new(speaker: str, n: int, text: str, age: str = "", gender: str = "", accent: str = "") -> str:
    return f"{speaker}\tcommon_voice_de_{n}.mp3\tx{n}\t{text}\t\t2\t0\t{age}\t{gender}\t{accent}\t\tde\t\n"


def old(speaker: str, n: int, text: str) -> str:
    return f"{speaker}\tcommon_voice_zh-CN_{n}\t{text}\t2\t0\ttwenties\tmale\tTaiwan\n"


def tree(base: Path) -> Path:
    german, chinese = base / "cv-corpus-22.0-2025-06-20" / "de", base / "cv-corpus-22.0-2025-06-20" / "zh-CN"
    for folder in (german, chinese):
        for n in range(1, 7):
            name = f"common_voice_{folder.name}_{n}"
            write_tone(folder / "clips" / f"{name}.wav").rename(folder / "clips" / f"{name}.mp3")
    first = new("ab12", 1, 'Er sagte "Nein".', "thirties", "female_feminine", "Alemannisch")
    (german / "train.tsv").write_text(NEW + first, encoding="utf-8")
    (german / "dev.tsv").write_text(NEW + new("cd34", 2, "Guten Tag.", gender="do_not_wish_to_say"))
    (german / "test.tsv").write_text(NEW + new("ef56", 3, "Gute Nacht."))
    (german / "validated.tsv").write_text(
        NEW + first + new("ef56", 4, "Noch ein Satz.") + new("gh78", 5, "Und noch einer."), encoding="utf-8"
    )
    durations = "".join(f"common_voice_de_{n}.mp3\t{3000 * n}\n" for n in range(1, 7))
    (german / "clip_durations.tsv").write_text(f"clip\tduration[ms]\n{durations}")
    (chinese / "test.tsv").write_text(OLD + old("ij90", 6, "你好。"), encoding="utf-8")
    return base


def test_sentences_have_language_and_speaker(tmp_path: Path) -> None:
    clips = check_listing("common_voice", tree(tmp_path))
    assert {name: clip.split for name, clip in clips.items()} == {
        "common_voice_de_1": "train", "common_voice_de_2": "validation", "common_voice_de_3": "test",
        "common_voice_zh-CN_6": "test",
    }  # fmt: skip
    clip = clips["common_voice_de_1"]
    (said,) = clip.truth.utterances or ()
    assert (said.text, said.language, said.speaker) == ('Er sagte "Nein".', "de", "ab12")
    (speaker,) = clip.truth.speakers or ()
    assert (speaker.sex, speaker.age, speaker.accent) == ("female", "thirties", "Alemannisch")
    assert (clip.license, clip.groups) == ("CC0-1.0", ("speaker:ab12",))
    assert Path(clip.path).is_file()
    (unsaid,) = clips["common_voice_de_2"].truth.speakers or ()
    assert (unsaid.sex, unsaid.age, unsaid.accent) == (None, None, None)
    early = clips["common_voice_zh-CN_6"].truth
    assert (early.utterances or ())[0].language == "zh"
    assert [(s.sex, s.age, s.accent) for s in early.speakers or ()] == [("male", "twenties", "Taiwan")]


def test_languages_validated_clips_and_length_are_options(tmp_path: Path) -> None:
    tree(tmp_path)
    root = tmp_path / "cv-corpus-22.0-2025-06-20"
    assert [c.id for c in listed("common_voice", root, languages=["zh-CN"])] == ["common_voice_zh-CN_6"]
    assert len(listed("common_voice", root / "de")) == 3
    more = listed("common_voice", root / "de", validated=True)
    assert [(c.id, c.split) for c in more[3:]] == [("common_voice_de_5", "train")]
    assert len(listed("common_voice", root / "de", max_seconds=7)) == 2
    with pytest.raises(SourceError, match=r"clip_durations\.tsv"):
        listed("common_voice", root / "zh-CN", max_seconds=7)
    with pytest.raises(SourceError, match="'fr'"):
        listed("common_voice", root, languages=["fr"])


def test_errors_name_what_is_missing(tmp_path: Path) -> None:
    check_missing("common_voice", tree, ["cv-corpus-22.0-2025-06-20/de/clips"], tmp_path)
    with pytest.raises(SourceError, match=r"train\.tsv"):
        listed("common_voice", tmp_path / "moved0")
    root = tree(tmp_path / "more")
    table = root / "cv-corpus-22.0-2025-06-20" / "de" / "dev.tsv"
    for text, says in (
        ("client_id\tpath\na\tb\n", "no column 'sentence'"),
        (NEW + new("ab", 1, "Wieder."), "common_voice_de_1.mp3 is in"),
        (NEW + new("ab", 9, ""), "row 2: 'sentence'"),
        ("client_id\tpath\tsentence\nab\t../../x.mp3\tNein.\n", "no file name"),
    ):
        table.write_text(text)
        with pytest.raises(SourceError, match=says):
            listed("common_voice", root)


def test_a_build(tmp_path: Path) -> None:
    report = check_build("common_voice", tree(tmp_path / "corpus"), tmp_path)
    assert report.summary.clips == {"train": 1, "validation": 1, "test": 2}
    assert not report.failures
