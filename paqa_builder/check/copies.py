"""Checks across questions: duplicates, near duplicates, split leakage, overlap with other data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from paqa_builder.check.findings import Finding, Grade, Tally
from paqa_builder.check.texts import plain
from paqa_builder.formats.item import Item
from paqa_builder.formats.read import Data
from paqa_builder.seeded import below, digest

ALIKE = 0.8
"""Smallest Jaccard similarity of the word pairs of near duplicates."""
NEAR_CAP = 50_000
"""Most questions to compare for near duplicates; a larger set is sampled by hash."""
_BANDS, _ROWS = 10, 3
_LARGE = 0.01  # share of the data above which repetitions are a warning
_PRIME = (1 << 61) - 1


def text_of(item: Item) -> str:
    """Normalised text of question and choices; the order of the choices does not matter."""
    return "\n".join([plain(item.question), *sorted(map(plain, item.choices))])


class Copies:
    """Duplicate questions: on one clip, or with the same text on several clips."""

    def __init__(self) -> None:
        self.seen = 0
        self.twice = Tally()
        self._on_clip: set[str] = set()
        self._answers: dict[str, Counter[str]] = defaultdict(Counter)
        self._first: dict[str, str] = {}

    def see(self, item: Item) -> None:
        """Adds one question."""
        self.seen += 1
        key = digest(text_of(item))
        on_clip = digest(key, item.clip)
        if on_clip in self._on_clip:
            self.twice.add(item.id)
        self._on_clip.add(on_clip)
        right = "" if item.answer is None else plain(item.choices[item.answer])
        self._answers[key][right] += 1
        self._first.setdefault(key, item.id)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        yield self.twice.finding(
            "duplicates", "error", f"{self.twice.count} questions repeat one on the same clip"
        )
        repeated = {key: counts for key, counts in self._answers.items() if counts.total() > 1}
        copies = sum(counts.total() - 1 for counts in repeated.values())
        asked = sum(counts.total() for counts in repeated.values())
        known = sum(_remembered(counts) for counts in repeated.values())
        chance = sum(counts.total() / max(2, len(counts)) for counts in repeated.values())
        share = known / asked if asked else 0.0
        # Three standard deviations: a handful of copies may agree by chance.
        bad = copies > _LARGE * self.seen and known - chance > 3 * (asked / 4) ** 0.5
        examples = tuple(self._first[key] for key in list(repeated)[:5])
        message = f"{copies} of {self.seen} repeat the text of another question"
        if asked:
            message += f"; {share:.1%} of them are answered by memory of the others"
        figures = {"copies": copies, "remembered": round(share, 4)}
        yield Finding("repeated text", "warning" if bad else "ok", message, copies, examples, figures)


def _remembered(counts: Counter[str]) -> float:
    """Expected number of correct answers if each question gets the commonest answer of the others."""
    right = 0.0
    for answer, n in counts.items():
        others = Counter(counts)
        others[answer] -= 1
        most = max(others.values())
        best = [text for text, m in others.items() if m == most]
        right += n * (answer in best) / len(best)
    return right


class Near:
    """Near duplicates, found by banded MinHash (Broder, 1997) over pairs of words."""

    def __init__(self, total: int) -> None:
        self.share = min(1.0, NEAR_CAP / max(1, total))
        self._bands: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._bags: list[frozenset[int]] = []
        self._ids: list[str] = []
        self._seen: set[str] = set()
        self.pairs = Tally()

    def see(self, item: Item) -> None:
        """Adds one question."""
        text = text_of(item)
        key = digest(text)
        if key in self._seen or (self.share < 1 and below(1 << 30, key) >= self.share * (1 << 30)):
            return
        self._seen.add(key)
        words = text.split()
        bag = frozenset(int(digest(*pair), 16) for pair in pairwise(words))
        if len(bag) < 4:
            return
        number = len(self._bags)
        candidates: set[int] = set()
        for band in range(_BANDS):
            low = tuple(min((x * a + b) % _PRIME for x in bag) for a, b in _HASHES[band])
            slot = self._bands[band, hash(low)]
            candidates.update(slot[:20])
            slot.append(number)
        like = next((n for n in sorted(candidates) if _alike(bag, self._bags[n])), None)
        self._bags.append(bag)
        self._ids.append(item.id)
        if like is not None:
            self.pairs.add(f"{item.id} ~ {self._ids[like]}")

    def findings(self) -> Iterator[Finding]:
        """The finding on all questions."""
        looked = len(self._bags)
        message = f"{self.pairs.count} of {looked} different texts are nearly equal to another"
        grade: Grade = "warning" if self.pairs.count > 0.05 * looked else "ok"
        yield self.pairs.finding("near duplicates", grade, message, looked_at=looked)


_HASHES = [
    [
        (int(digest("a", band, row), 16) % _PRIME, int(digest("b", band, row), 16) % _PRIME)
        for row in range(_ROWS)
    ]
    for band in range(_BANDS)
]


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


class Leaks:
    """Split leakage: clips, audio, recordings, speakers and rare texts that several splits share."""

    def __init__(self, sha256: dict[str, str] | None = None) -> None:
        self._sha256 = sha256 or {}
        self._splits: dict[str, dict[str, set[str]]] = {
            name: defaultdict(set) for name in ("clip", "audio", "recording", "speaker", "text")
        }
        self._names: set[str] = set()
        self._questions: Counter[str] = Counter()

    def see(self, item: Item) -> None:
        """Adds one question."""
        self._names.add(item.split)
        text = digest(text_of(item))
        self._questions[text] += 1
        values_of = {
            "clip": [item.clip], "audio": [self._sha256.get(item.clip, "")],
            "recording": [item.recording], "speaker": item.speakers, "text": [text],
        }  # fmt: skip
        for name, values in values_of.items():
            for value in filter(None, values):
                self._splits[name][value].add(item.split)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        if len(self._names) < 2:
            yield Finding("split leakage", "skipped", "the data has one split")
            return
        for name, splits in self._splits.items():
            leaked = Tally()
            for value, names in splits.items():
                # Texts of many questions ("How many people speak?") are common to all splits.
                if len(names) > 1 and (name != "text" or self._questions[value] <= 3):
                    leaked.add(value)
            if name == "text":
                large = leaked.count > _LARGE * len(splits)
                message = f"{leaked.count} rare texts are in several splits"
                yield Finding("leak: text", "warning" if large else "ok", message, leaked.count)
            elif splits:
                yield leaked.finding(f"leak: {name}", "error", f"{leaked.count} are in several splits")
            else:
                yield Finding(f"leak: {name}", "skipped", f"the data has no {name}")


class Overlap:
    """Overlap of questions and audio with other data sets."""

    def __init__(self, others: Sequence[Data]) -> None:
        self.names = ", ".join(data.path.name for data in others)
        self._texts: dict[str, str] = {}
        self._questions: dict[str, str] = {}
        self._audio: dict[str, str] = {}
        for item in (item for data in others for item in data.items()):
            self._texts.setdefault(digest(text_of(item)), item.id)
            self._questions.setdefault(digest(plain(item.question)), item.id)
            for name in _audio_names(item):
                self._audio.setdefault(name, item.id)
        self.same, self.wording, self.audio = Tally(), Tally(), Tally()

    def see(self, item: Item) -> None:
        """Adds one question."""
        if (other := self._texts.get(digest(text_of(item)))) is not None:
            self.same.add(f"{item.id} = {other}")
        elif (other := self._questions.get(digest(plain(item.question)))) is not None:
            self.wording.add(f"{item.id} ~ {other}")
        for name in _audio_names(item):
            if name in self._audio:
                self.audio.add(f"{item.id} = {self._audio[name]}")
                break

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        if not self.names:
            yield Finding("overlap", "skipped", "nothing to compare with: --against FILE")
            return
        yield self.same.finding(
            "overlap: question", "error", f"{self.same.count} have the question and choices of {self.names}"
        )
        yield self.wording.finding(
            "overlap: wording", "warning", f"{self.wording.count} more have the question of {self.names}"
        )
        yield self.audio.finding("overlap: audio", "error", f"{self.audio.count} are about its audio")


def _audio_names(item: Item) -> Iterable[str]:
    """Names of the audio that may occur in other data sets: the file's stem and the recording."""
    names = {PurePosixPath(item.audio).stem if item.audio else item.clip, item.recording}
    # Short names such as "12" or "audio_3" are not specific.
    return {name for name in names if len(name) >= 8}
