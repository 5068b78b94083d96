"""What a corpus holds on the whole: where wrong choices come from, and how answers are spread.

A corpus is small whatever the number of clips: counts, and for each length of phrase a fixed number
of phrases (those of the smallest hashes, which makes the sample the same in any order of clips).
Parts can be summed up apart and merged: ``Corpus.of(a + b) == Corpus.of(a).merge(Corpus.of(b))``.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from paqa_builder.questions.corpus import samples
from paqa_builder.questions.corpus.spread import ENOUGH, Spread, fair_weights, group_name, levels_of
from paqa_builder.questions.facts.base import AnswerType, kinds
from paqa_builder.questions.keywords import keywords
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.speech import pool_of
from paqa_builder.questions.wording import choice_of_label, label_of_choice, meant
from paqa_builder.records import Scene
from paqa_builder.seeded import digest, shuffled, weighted

# What one clip adds to the labels' counts; divides by any small number of sounds.
WHOLE_CLIP = 60

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
class Corpus(Spread):
    """Pools and counts of one corpus.

    Attributes:
        clips: How many clips were summed up.
        labels: How often each label is the answer that a question could have, in sixtieths of a clip:
            a clip of two sounds has each of them as its answer half of the time.
        phrases: By split and number of words, a sample of what is said. Besides the pool of each
            split there are those of what opens an utterance, closes one or neither, each apart from
            other languages; see :func:`paqa_builder.questions.reading.speech.pool_of`.
        translations: By split and language, and number of words, a sample of what utterances mean.
    """

    enough: ClassVar[int] = ENOUGH

    clips: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    phrases: Mapping[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    translations: Mapping[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        scenes: Iterable[Scene],
        options: QaOptions | None = None,
        facts: Collection[str] | None = None,
    ) -> Corpus:
        """Sums scenes up, one at a time; memory does not grow with their number.

        Args:
            facts: The kinds of fact that questions will be about, by name; all by default. The answers of
                others are not counted, which is most of the work where few templates are asked.
        """
        thresholds = (options or QaOptions()).thresholds
        wanted = {name: kind for name, kind in kinds().items() if facts is None or name in facts}
        clips, labels = 0, dict[str, int]()
        answers: dict[str, dict[str, int]] = {}
        refuted: dict[str, dict[str, int]] = {}
        phrases: dict[str, dict[int, set[str]]] = {}
        translations: dict[str, dict[int, set[str]]] = {}
        for scene in scenes:
            reading = Interpretation(scene, thresholds)
            clips += 1
            sounds = reading.sounds.heard if reading.knows("tags") else ()
            heard = {sound.label for sound in sounds if reading.sounds.deniable(sound.label)}
            for label in heard:
                labels[label] = labels.get(label, 0) + max(1, WHOLE_CLIP // len(heard))
            for name, kind in wanted.items():
                if not (kind.form.closed or kind.form is AnswerType.SOUND):
                    continue
                for fact in kind.facts(reading):
                    if fact.answer is None:
                        continue
                    groups = [group_name(name, group) for group in levels_of(fact.group)]
                    _count(answers, groups, fact.answer)
                    for other in fact.own if kind.form in (AnswerType.SOUND, AnswerType.LISTED) else ():
                        if kind.judge(reading, fact.about, other).true is False:
                            _count(refuted, groups, other)
            split = scene.clip.split
            for phrase in reading.speech.phrases if reading.knows("utterances") else ():
                for pool in (pool_of(phrase), pool_of(phrase, edges=True)):
                    samples.put(phrases.setdefault(f"{split}{pool}", {}), phrase.text)
            for spoken in reading.speech.utterances if reading.knows("utterances") else ():
                if spoken.translation:
                    pool = f"{split}:{spoken.translation_language or ''}"
                    samples.put(translations.setdefault(pool, {}), meant(spoken.translation))
        right, wrong = ({k: _sorted(v) for k, v in sorted(counts.items())} for counts in (answers, refuted))
        return cls(
            right, wrong, clips, _sorted(labels), samples.frozen(phrases), samples.frozen(translations)
        )

    def merge(self, other: Corpus) -> Corpus:
        """The corpus of both sets of clips together; what was learned from either alone is forgotten."""
        return Corpus(
            _sums(self.answers, other.answers),
            _sums(self.refuted, other.refuted),
            self.clips + other.clips,
            _sum(self.labels, other.labels),
            samples.joined(self.phrases, other.phrases),
            samples.joined(self.translations, other.translations),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` gives an equal corpus."""
        return {
            "clips": self.clips,
            "labels": dict(self.labels),
            "answers": {name: dict(counts) for name, counts in self.answers.items()},
            "refuted": {name: dict(counts) for name, counts in self.refuted.items()},
            "phrases": samples.plain(self.phrases),
            "translations": samples.plain(self.translations),
            "kept": {name: dict(shares) for name, shares in self.kept.items()},
            "drawn": {name: dict(factors) for name, factors in self.drawn.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Corpus:
        """Rebuilds a corpus from :meth:`to_json`'s output."""
        return cls(
            {name: dict(counts) for name, counts in data["answers"].items()},
            {name: dict(counts) for name, counts in data["refuted"].items()},
            data["clips"],
            dict(data["labels"]),
            samples.read(data["phrases"]),
            samples.read(data["translations"]),
            kept={name: dict(shares) for name, shares in data["kept"].items()},
            drawn={name: dict(factors) for name, factors in data["drawn"].items()},
        )

    def on(self, template: str) -> Corpus:
        """The same corpus, with the shares and factors that were learned for one template's questions."""
        if template not in self._views:
            view = replace(self, template=template)
            view.__dict__["_words"] = self._words  # costly, and the same for all
            self._views[template] = view
        return self._views[template]

    @cached_property
    def _views(self) -> dict[str, Corpus]:
        return {}

    @cached_property
    def _fair(self) -> dict[str, tuple[list[str], list[int]]]:
        """By kind, filled on first use: labels and their summed weights."""
        return {}

    def _weighted(self, kind: str) -> tuple[list[str], list[int]]:
        if kind not in self._fair:
            right, wrong = self.answers.get(kind, {}), self.refuted.get(kind, {})
            counts = self.labels
            if sum(right.values()) >= ENOUGH:
                # What the clips themselves offer as wrong choices, the corpus need not.
                lacking = {label: 3 * n - wrong.get(label, 0) for label, n in right.items()}
                counts = {label_of_choice(label): max(1, n) for label, n in lacking.items()}
            names = sorted(counts)
            weights = fair_weights(names, [counts[name] for name in names])
            learned = self.drawn.get(self.template, {})
            factors = (learned.get(choice_of_label(name), 1.0) for name in names)
            weights = [max(1, round(w * factor)) for w, factor in zip(weights, factors, strict=True)]
            self._fair[kind] = names, list(itertools.accumulate(weights))
        return self._fair[kind]

    def draw_labels(self, kind: str, *key: object) -> Iterator[str]:
        """Labels as wrong choices for a kind of fact, each once, as often as is fair; common ones last.

        A wrong choice must be as likely a word as the right one, or the text alone tells which is
        which; see :func:`fair_weights`. What is likely depends on what is asked: rain is often the
        longest sound, and seldom the last.
        """
        names, sums = self._weighted(kind)
        yield from weighted(names, sums, self.labels, *key)
        yield from (label for label in shuffled(COMMON, *key) if label not in self.labels)

    def draw_phrases(self, pool: str, length: int, *key: object) -> Iterator[str]:
        """Phrases of about ``length`` words; where a pool runs dry, from all of its split and language."""
        yield from samples.nearest(self.phrases.get(pool, {}), length, *key)
        whole = pool.partition("/")[0]
        if whole != pool:
            yield from samples.nearest(self.phrases.get(whole, {}), length, *key)
        if ":" not in pool:  # the phrases in reserve are English
            yield from sorted(_PHRASES, key=lambda t: (abs(len(t.split()) - length), digest(t, *key)))

    def draw_translations(self, pool: str, length: int, *key: object) -> Iterator[str]:
        """What other utterances mean, in about ``length`` words, nearest in length first."""
        yield from samples.nearest(self.translations.get(pool, {}), length, *key)

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        return {
            pool: [word for texts in by_length.values() for text in texts for word in keywords(text)]
            for pool, by_length in self.phrases.items()
        }

    def draw_words(self, pool: str, *key: object) -> Iterator[str]:
        """Words as wrong choices, each once, as often as they are said."""
        words = self._words.get(pool, [])
        yield from weighted(words, range(1, len(words) + 1), (), *key)
        if ":" not in pool:
            yield from shuffled({word for text in _PHRASES for word in keywords(text)}, *key)


def _count(counts: dict[str, dict[str, int]], groups: Iterable[str], answer: str) -> None:
    for group in groups:
        there = counts.setdefault(group, {})
        there[answer] = there.get(answer, 0) + 1


def _sums(
    one: Mapping[str, Mapping[str, int]], other: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    return {name: _sum(one.get(name, {}), other.get(name, {})) for name in sorted({*one, *other})}


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
