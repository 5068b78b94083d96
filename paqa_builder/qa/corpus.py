"""What a corpus holds on the whole: where wrong choices come from, and how answers are spread.

A corpus is small whatever the number of clips: counts, and for each length of phrase a fixed number
of phrases (those of the smallest hashes, which makes the sample the same in any order of clips).
Parts can be summed up apart and merged: ``Corpus.of(a + b) == Corpus.of(a).merge(Corpus.of(b))``.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from paqa_builder import ontology
from paqa_builder.qa import wording
from paqa_builder.qa.draw import below, digest, sampled, shuffled
from paqa_builder.qa.facts import kinds
from paqa_builder.qa.options import QaOptions
from paqa_builder.qa.reading import Reading
from paqa_builder.records import Scene

PHRASES_PER_LENGTH = 256
# What one clip adds to the labels' counts; divides by any small number of sounds.
WHOLE_CLIP = 60
# After so many draws the rest follows in any order.
_DRAWS = 256
_ROUNDS, _LEAST_FREE, _SCALE = 40, 0.2, 1_000_000
# Below this many observations a share of answers says nothing worth balancing for.
ENOUGH = 20
# Answers rarer than this are let be: waiting for them would throw nearly everything away.
RARE = 0.05

# Sounds that people name without hesitation, for corpora too small to lend wrong choices.
COMMON = (
    "Dog", "Cat", "Rain", "Thunderstorm", "Church bell", "Siren", "Car", "Train", "Helicopter",
    "Applause", "Laughter", "Baby cry, infant cry", "Walk, footsteps", "Door", "Typing", "Piano",
    "Guitar", "Drum", "Bird", "Wind", "Waves, surf", "Clock", "Chainsaw", "Vacuum cleaner",
    "Telephone", "Toilet flush", "Fireworks", "Cough", "Snoring", "Water tap, faucet", "Frog",
    "Chicken, rooster", "Horse", "Sheep", "Pig", "Keys jangling", "Hammer", "Sawing", "Motorcycle",
)  # fmt: skip
_PHRASES = (
    "we should have left an hour ago", "put the boxes next to the stairs", "nobody told me about that",
    "the shop is closed on Mondays", "she moved to another city", "it was colder than last winter",
    "call me when you get home", "there is nothing left to discuss", "the meeting starts at noon",
    "that is not what I meant", "he forgot his umbrella again", "turn left after the bridge",
)  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Pools and counts of one corpus.

    Attributes:
        clips: How many clips were summed up.
        labels: How often each label is the answer that a question could have, in sixtieths of a clip:
            a clip of two sounds has each of them as its answer half of the time.
        answers: By kind of fact and group, how often each answer to a closed question is right.
        phrases: By split and number of words, a sample of what is said.
    """

    clips: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    phrases: Mapping[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, scenes: Iterable[Scene], options: QaOptions | None = None) -> Corpus:
        """Sums scenes up, one at a time; memory does not grow with their number."""
        thresholds = (options or QaOptions()).thresholds
        clips, labels = 0, dict[str, int]()
        answers: dict[str, dict[str, int]] = {}
        phrases: dict[str, dict[int, set[str]]] = {}
        for scene in scenes:
            reading = Reading(scene, thresholds)
            clips += 1
            heard = {s.label for s in reading.sounds.heard} if reading.knows("tags") else set()
            for label in heard:
                labels[label] = labels.get(label, 0) + max(1, WHOLE_CLIP // len(heard))
            for name, kind in kinds().items():
                if kind.form.closed:
                    for fact in kind.facts(reading):
                        counts = answers.setdefault(_group(name, fact.group), {})
                        answer = str(fact.answer)
                        counts[answer] = counts.get(answer, 0) + 1
            for phrase in reading.speech.phrases if reading.knows("utterances") else ():
                pool = phrases.setdefault(scene.clip.split, {})
                length = len(wording.tokens(phrase.text))
                kept = pool.setdefault(length, set())
                kept.add(phrase.text)
                if len(kept) > 2 * PHRASES_PER_LENGTH:
                    pool[length] = set(_smallest(kept))
        frozen = {
            split: {length: _smallest(texts) for length, texts in sorted(pool.items())}
            for split, pool in sorted(phrases.items())
        }
        return cls(clips, _sorted(labels), {k: _sorted(v) for k, v in sorted(answers.items())}, frozen)

    def merge(self, other: Corpus) -> Corpus:
        """The corpus of both sets of clips together."""
        groups = sorted({*self.answers, *other.answers})
        splits = sorted({*self.phrases, *other.phrases})
        return Corpus(
            self.clips + other.clips,
            _sum(self.labels, other.labels),
            {name: _sum(self.answers.get(name, {}), other.answers.get(name, {})) for name in groups},
            {
                split: {
                    length: _smallest(
                        {
                            *self.phrases.get(split, {}).get(length, ()),
                            *other.phrases.get(split, {}).get(length, ()),
                        }
                    )
                    for length in sorted({*self.phrases.get(split, {}), *other.phrases.get(split, {})})
                }
                for split in splits
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` gives an equal corpus."""
        return {
            "clips": self.clips,
            "labels": dict(self.labels),
            "answers": {name: dict(counts) for name, counts in self.answers.items()},
            "phrases": {
                split: {str(length): list(texts) for length, texts in pool.items()}
                for split, pool in self.phrases.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Corpus:
        """Rebuilds a corpus from :meth:`to_json`'s output."""
        return cls(
            data["clips"],
            dict(data["labels"]),
            {name: dict(counts) for name, counts in data["answers"].items()},
            {
                split: {int(length): tuple(texts) for length, texts in pool.items()}
                for split, pool in data["phrases"].items()
            },
        )

    @cached_property
    def _cumulated(self) -> tuple[list[str], list[int]]:
        names = list(self.labels)
        return names, list(itertools.accumulate(_fair_weights(names, list(self.labels.values()))))

    def draw_labels(self, *key: object) -> Iterator[str]:
        """Labels as wrong choices, each once, as often as is fair; common sounds after that.

        A wrong choice must be as likely a word as the right one, or the text alone tells which is
        which; see :func:`_fair_weights`.
        """
        names, sums = self._cumulated
        seen: set[str] = set()
        for n in range(_DRAWS if names else 0):
            label = names[bisect.bisect_right(sums, below(sums[-1], n, *key))]
            if label not in seen:
                seen.add(label)
                yield label
        yield from (label for label in shuffled(names, *key) if label not in seen)
        yield from (label for label in shuffled(COMMON, *key) if label not in self.labels)

    def draw_phrases(self, split: str, length: int, *key: object) -> Iterator[str]:
        """Phrases of about ``length`` words from the same split, nearest in length first."""
        pool = self.phrases.get(split, {})
        for distance in range(3):
            texts = [t for n in sorted({length - distance, length + distance}) for t in pool.get(n, ())]
            yield from sampled(texts, *key)
        yield from sorted(_PHRASES, key=lambda t: (abs(len(t.split()) - length), digest(t, *key)))

    def share_kept(self, kind: str, group: str, answer: str) -> float:
        """The share of questions with this answer to keep, so that no answer is a good guess."""
        counts = self.answers.get(_group(kind, group), {})
        total = sum(counts.values())
        if total < ENOUGH or answer not in counts:
            return 1.0
        if len(counts) == 1:
            return 0.0  # an answer that never changes can be known without listening
        two = len(counts) == 2
        common = [count for count in counts.values() if two or count >= RARE * total]
        return min(1.0, min(common, default=1) / counts[answer])


def _fair_weights(names: list[str], counts: list[int]) -> list[int]:
    """How often to draw each label so that, of two labels in a question, either is as often right.

    An answer x comes up with its own share p(x); a wrong choice y with weight q(y) among what
    cannot be confused with x, of which the mass is Z(x). The pair is fair if
    p(x) q(y) / Z(x) = p(y) q(x) / Z(y), so q must be proportional to p / Z, where Z itself depends
    on q. Drawing by p alone would make members of large families (music) answers more often than
    wrong choices. Solved by iteration; a label to which half of all are kin stays as it is.
    """
    total = sum(counts)
    share = [count / total for count in counts]
    kin = [[m for m, other in enumerate(names) if ontology.confusable(name, other)] for name in names]
    weights = share
    for _ in range(_ROUNDS):
        free = [max(_LEAST_FREE, 1.0 - sum(weights[m] for m in family)) for family in kin]
        # The geometric mean of old and new keeps the iteration from swinging.
        new = [math.sqrt(old * p / z) for old, p, z in zip(weights, share, free, strict=True)]
        scale = sum(new)
        weights = [weight / scale for weight in new]
    # Whole numbers, so that drawing does not hang on the last bit of a float.
    return [max(1, round(_SCALE * weight)) for weight in weights]


def _group(kind: str, group: str) -> str:
    return f"{kind}/{group}" if group else kind


def _smallest(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts), key=lambda text: (digest(text), text))[:PHRASES_PER_LENGTH])


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
