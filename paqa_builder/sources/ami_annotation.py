"""The manual annotation of the AMI corpus (NXT format): words with times, meetings, participants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from xml.etree.ElementTree import Element

from paqa_builder.errors import SourceError
from paqa_builder.records import Origin, Speaker, Truth, Turn, Utterance, Word
from paqa_builder.turns import PAUSE
from paqa_builder.untrusted.xml_files import read_xml

_FIX = "unpack ami_public_manual_1.6.2.zip again"
_FILE = re.compile(r"(\w+)\.([A-Z])\.words\.xml")
_SPELT = re.compile(r"(?:\w_)+\w?")
_NAME = re.compile(r"([FM])[EIT][A-Z]\d{3}\w*")


class Annotation:
    """The annotation in an unpacked archive.

    Raises:
        SourceError: A file is missing or malformed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words: dict[str, dict[str, Path]] = {}
        for path in sorted((folder / "words").iterdir()):
            if match := _FILE.fullmatch(path.name):
                self._words.setdefault(match[1], {})[match[2]] = path
        if not self._words:
            raise SourceError(f"{folder / 'words'}: no files <meeting>.<agent>.words.xml", fix=_FIX)

    @property
    def meetings(self) -> list[str]:
        """The meetings with words."""
        return sorted(self._words)

    def truth(self, meeting: str, origin: Origin) -> Truth:
        """Turns, utterances and speakers of a meeting."""
        turns: list[Turn] = []
        utterances: list[Utterance] = []
        speakers: dict[str, Speaker] = {}
        for agent, path in self._words[meeting].items():
            name = self._names.get((meeting, agent))
            if name is None:
                raise SourceError(f"{self._resource('meetings')}: no speaker {agent} of {meeting}", fix=_FIX)
            speakers[name] = self._participants.get(name, speaker_of(name))
            for words in _runs(path):
                start, end = words[0].start, max(word.end for word in words)
                turns.append(Turn(start, end, name, 1.0, origin))
                text = " ".join(word.text for word in words)
                utterances.append(Utterance(start, end, name, text, words, "en", 1.0, origin))
        return Truth(
            turns=tuple(sorted(turns, key=lambda t: (t.start, t.end, t.speaker))),
            utterances=tuple(sorted(utterances, key=lambda u: (u.start, u.end, u.speaker))),
            speakers=tuple(speakers[name] for name in sorted(speakers)),
        )

    @cached_property
    def _names(self) -> dict[tuple[str, str], str]:
        """The participant's name by meeting and agent."""
        return {
            (meeting.get("observation", ""), speaker.get("nxt_agent", "")): speaker.get("global_name", "")
            for meeting in _xml(self._resource("meetings")).iter("meeting")
            for speaker in meeting.iter("speaker")
        }

    @cached_property
    def _participants(self) -> dict[str, Speaker]:
        found = {}
        for person in _xml(self._resource("participants")).iter("participant"):
            name = person.get("global_name") or person.get("nite:id") or ""
            found[name] = speaker_of(
                name, person.get("sex"), person.get("age_at_collection"), person.get("native_language")
            )
        return found

    def _resource(self, name: str) -> Path:
        return self._folder / "corpusResources" / f"{name}.xml"


def speaker_of(
    name: str, sex: str | None = None, age: str | None = None, language: str | None = None
) -> Speaker:
    """A participant. Names such as FEE005 begin with the sex.

    Args:
        age: As the corpus writes it, such as ``"24.0"``.
        language: Native language.
    """
    match = _NAME.fullmatch(name)
    letter = (sex or (match[1] if match else "")).upper()
    return Speaker(
        name,
        sex={"F": "female", "M": "male"}.get(letter[:1]),
        age=re.sub(r"\.0+$", "", (age or "").strip()) or None,
        accent=f"native language: {language.strip()}" if language and language.strip() else None,
    )


def _runs(path: Path) -> Iterator[tuple[Word, ...]]:
    """The words of one participant, in runs without a pause of more than :data:`PAUSE` seconds."""
    run: list[Word] = []
    for word in _words(path):
        if run and word.start - run[-1].end > PAUSE:
            yield tuple(run)
            run = []
        run.append(word)
    if run:
        yield tuple(run)


def _words(path: Path) -> list[Word]:
    """The words with times, with the punctuation that follows, in the order of their times."""
    words: list[Word] = []
    for element in _xml(path).iter("w"):
        text = " ".join("".join(element.itertext()).split())
        if not text:
            continue
        if element.get("punc"):
            if words and text in (".", ",", "?", "!", ":", ";"):
                last = words[-1]
                words[-1] = Word(last.start, last.end, last.text + text, 1.0)
            continue
        try:
            start, end = float(element.get("starttime") or "nan"), float(element.get("endtime") or "nan")
        except ValueError as error:
            raise SourceError(f"{path}: word {element.get('nite:id')}: {error}", fix=_FIX) from error
        if 0.0 <= start < end < float("inf"):
            # Spelt letters are written with underscores: T_V_.
            spelt = text.replace("_", "") if _SPELT.fullmatch(text) else text
            words.append(Word(start, end, spelt, 1.0))
    return sorted(words, key=lambda word: (word.start, word.end))


def _xml(path: Path) -> Element:
    try:
        return read_xml(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"{path}: cannot be read ({reason})", fix=_FIX) from error
