"""Checks across questions: copies, near copies, leaks between splits, overlap with other data."""

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
"""Two texts are near copies from this Jaccard likeness of their word pairs on."""
NEAR_CAP = 50_000
"""Questions that near copies are looked for among; above it they are drawn by hash."""
_BANDS, _ROWS = 10, 3
_LARGE = 0.01  # share of the data from which copies matter
_PRIME = (1 << 61) - 1


def text_of(item: Item) -> str:
    """Question and choices, in any order, as one key."""
    return "\n".join([plain(item.question), *sorted(map(plain, item.choices))])


class Copies:
    """Questions that are there twice: on one clip, or with the same words on several clips."""

    def __init__(self) -> None:
        self.seen = 0
        self.twice = Tally()
        self._on_clip: set[str] = set()
        self._answers: dict[str, Counter[str]] = defaultdict(Counter)
        self._first: dict[str, str] = {}

    def see(self, item: Item) -> None:
        """Looks at one question."""
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
        """What was seen."""
        yield self.twice.finding(
            "duplicates", "error", f"{self.twice.count} questions are there before, on the same clip"
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
        message = f"{copies} of {self.seen} repeat the words of another"
        if asked:
            message += f"; by memory of the others {share:.1%} of them are answered"
        figures = {"copies": copies, "remembered": round(share, 4)}
        yield Finding("repeated text", "warning" if bad else "ok", message, copies, examples, figures)


def _remembered(counts: Counter[str]) -> float:
    """Of questions with the same words, how many are right if each takes the answer of most others."""
    right = 0.0
    for answer, n in counts.items():
        others = Counter(counts)
        others[answer] -= 1
        most = max(others.values())
        best = [text for text, m in others.items() if m == most]
        right += n * (answer in best) / len(best)
    return right


class Near:
    """Questions that differ in a word or two, found by MinHash (Broder 1997) in bands."""

    def __init__(self, total: int) -> None:
        self.share = min(1.0, NEAR_CAP / max(1, total))
        self._bands: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._bags: list[frozenset[int]] = []
        self._ids: list[tuple[str, str]] = []
        self._seen: set[str] = set()
        self.pairs = Tally()

    def see(self, item: Item) -> None:
        """Looks at one question."""
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
        found: set[int] = set()
        for band in range(_BANDS):
            low = tuple(min((x * a + b) % _PRIME for x in bag) for a, b in _HASHES[band])
            slot = self._bands[band, hash(low)]
            found.update(slot[:20])
            slot.append(number)
        like = next((n for n in sorted(found) if _alike(bag, self._bags[n])), None)
        self._bags.append(bag)
        self._ids.append((item.id, item.clip))
        if like is not None:
            self.pairs.add(f"{item.id} ~ {self._ids[like][0]}")

    def findings(self) -> Iterator[Finding]:
        """What was seen."""
        looked = len(self._bags)
        message = f"{self.pairs.count} of {looked} different texts are nearly another's"
        grade: Grade = "warning" if self.pairs.count > 0.05 * looked else "ok"
        figures = {"looked_at": looked}
        yield Finding(
            "near duplicates", grade, message, self.pairs.count, tuple(self.pairs.examples), figures
        )


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
    """What two splits have in common: clips, audio, recordings, speakers, texts that are not common."""

    def __init__(self, sha256: dict[str, str] | None = None) -> None:
        self._sha256 = sha256 or {}
        self._splits: dict[str, dict[str, set[str]]] = {
            name: defaultdict(set) for name in ("clip", "audio", "recording", "speaker", "text")
        }
        self._names: set[str] = set()
        self._questions: Counter[str] = Counter()

    def see(self, item: Item) -> None:
        """Looks at one question."""
        self._names.add(item.split)
        text = digest(text_of(item))
        self._questions[text] += 1
        shown = {
            "clip": [item.clip], "audio": [self._sha256.get(item.clip, "")],
            "recording": [item.recording], "speaker": item.speakers, "text": [text],
        }  # fmt: skip
        for what, values in shown.items():
            for value in filter(None, values):
                self._splits[what][value].add(item.split)

    def findings(self) -> Iterator[Finding]:
        """What was seen."""
        if len(self._names) < 2:
            yield Finding("split leakage", "skipped", "there is but one split")
            return
        for what, splits in self._splits.items():
            leaked = Tally()
            for value, names in splits.items():
                # Words that are asked of many clips ("How many people speak?") belong to no clip.
                if len(names) > 1 and (what != "text" or self._questions[value] <= 3):
                    leaked.add(value)
            if what == "text":
                large = leaked.count > _LARGE * len(splits)
                message = f"{leaked.count} rare texts are in several splits"
                yield Finding("leak: text", "warning" if large else "ok", message, leaked.count)
            elif splits:
                yield leaked.finding(f"leak: {what}", "error", f"{leaked.count} are in several splits")
            else:
                yield Finding(f"leak: {what}", "skipped", f"the data names no {what}")


class Overlap:
    """Questions and audio that other data sets have, too."""

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
        self.same, self.asked, self.heard = Tally(), Tally(), Tally()

    def see(self, item: Item) -> None:
        """Looks at one question."""
        if (other := self._texts.get(digest(text_of(item)))) is not None:
            self.same.add(f"{item.id} = {other}")
        elif (other := self._questions.get(digest(plain(item.question)))) is not None:
            self.asked.add(f"{item.id} ~ {other}")
        for name in _audio_names(item):
            if name in self._audio:
                self.heard.add(f"{item.id} = {self._audio[name]}")
                break

    def findings(self) -> Iterator[Finding]:
        """What was seen."""
        if not self.names:
            yield Finding("overlap", "skipped", "nothing to compare with: --against FILE")
            return
        yield self.same.finding(
            "overlap: question", "error", f"{self.same.count} have question and choices of {self.names}"
        )
        yield self.asked.finding(
            "overlap: wording", "warning", f"{self.asked.count} more ask in the words of {self.names}"
        )
        yield self.heard.finding("overlap: audio", "error", f"{self.heard.count} are about its audio")


def _audio_names(item: Item) -> Iterable[str]:
    """Names by which the same audio is known: the file's stem, the recording."""
    names = {PurePosixPath(item.audio).stem if item.audio else item.clip, item.recording}
    # Names such as "12" or "audio_3" say nothing.
    return {name for name in names if len(name) >= 8}
