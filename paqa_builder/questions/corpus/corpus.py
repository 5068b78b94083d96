"""Statistics of a corpus: counts of answers, and samples of phrases for wrong choices.

The size is bounded whatever the number of clips: counts, and a fixed number of phrases per length (those
of the smallest hashes, so that the sample does not depend on the order of clips). Parts can be counted
separately and merged: ``Corpus.of(a + b) == Corpus.of(a).merge(Corpus.of(b))``.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
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

# Total of one clip's counts of labels; divisible by small numbers of sounds.
WHOLE_CLIP = 60

# Well-known sounds, as wrong choices for corpora that are too small.
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
    """Counts and samples of one corpus.

    Attributes:
        clips: Number of clips.
        labels: Label -> how often it can be the answer, in sixtieths of a clip; the sounds of a clip share
            its sixty.
        phrases: Sample name -> number of words -> phrases. The name is the split, followed by that of
            :func:`paqa_builder.questions.reading.speech.pool_of`.
        translations: Split and language -> number of words -> translations of utterances.
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
        """Counts scenes one at a time, in bounded memory.

        Args:
            facts: Names of the kinds of fact whose answers are counted; all by default. Counting is most
                of the work.
        """
        thresholds = (options or QaOptions()).thresholds
        wanted = {name: kind for name, kind in kinds().items() if facts is None or name in facts}
        clips, labels = 0, Counter[str]()
        answers: dict[str, Counter[str]] = defaultdict(Counter)
        refuted: dict[str, Counter[str]] = defaultdict(Counter)
        phrases: dict[str, dict[int, set[str]]] = defaultdict(dict)
        translations: dict[str, dict[int, set[str]]] = defaultdict(dict)
        for scene in scenes:
            reading = Interpretation(scene, thresholds)
            clips += 1
            sounds = reading.sounds.heard if reading.knows("tags") else ()
            deniable = {sound.label for sound in sounds if reading.sounds.deniable(sound.label)}
            for label in deniable:
                labels[label] += max(1, WHOLE_CLIP // len(deniable))
            for name, kind in wanted.items():
                if not (kind.form.closed or kind.form is AnswerType.SOUND):
                    continue
                for fact in kind.facts(reading):
                    if fact.answer is None:
                        continue
                    wrong: list[str] = []
                    if kind.form in (AnswerType.SOUND, AnswerType.LISTED):
                        wrong = [o for o in fact.own if kind.judge(reading, fact.about, o).true is False]
                    for group in levels_of(fact.group):
                        answers[group_name(name, group)][fact.answer] += 1
                        if wrong:
                            refuted[group_name(name, group)].update(wrong)
            split = scene.clip.split
            for phrase in reading.speech.phrases if reading.knows("utterances") else ():
                for pool in (pool_of(phrase), pool_of(phrase, edges=True)):
                    samples.put(phrases[f"{split}{pool}"], phrase.text)
            for utterance in reading.speech.utterances if reading.knows("utterances") else ():
                if utterance.translation:
                    pool = f"{split}:{utterance.translation_language or ''}"
                    samples.put(translations[pool], meant(utterance.translation))
        texts = samples.frozen(phrases), samples.frozen(translations)
        return cls(_sorted(answers), _sorted(refuted), clips, dict(sorted(labels.items())), *texts)

    def merge(self, other: Corpus) -> Corpus:
        """The corpus of both sets of clips, without the learned ``kept`` and ``drawn``."""
        return Corpus.merged((self, other))

    @classmethod
    def merged(cls, corpora: Iterable[Corpus]) -> Corpus:
        """The corpus of several sets of clips, without the learned ``kept`` and ``drawn``."""
        clips, labels = 0, Counter[str]()
        answers: dict[str, Counter[str]] = defaultdict(Counter)
        refuted: dict[str, Counter[str]] = defaultdict(Counter)
        phrases: dict[str, dict[int, set[str]]] = defaultdict(dict)
        translations: dict[str, dict[int, set[str]]] = defaultdict(dict)
        for corpus in corpora:
            clips += corpus.clips
            labels.update(corpus.labels)
            for total, table in ((answers, corpus.answers), (refuted, corpus.refuted)):
                for name, counts in table.items():
                    total[name].update(counts)
            for pools, others in ((phrases, corpus.phrases), (translations, corpus.translations)):
                for name, pool in others.items():
                    samples.extend(pools[name], pool)
        texts = samples.frozen(phrases), samples.frozen(translations)
        return cls(_sorted(answers), _sorted(refuted), clips, dict(sorted(labels.items())), *texts)

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible dictionary."""
        return {
            "clips": self.clips,
            "labels": dict(self.labels),
            "answers": _copied(self.answers),
            "refuted": _copied(self.refuted),
            "phrases": samples.plain(self.phrases),
            "translations": samples.plain(self.translations),
            "kept": _copied(self.kept),
            "drawn": _copied(self.drawn),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Corpus:
        """Inverse of :meth:`to_json`."""
        texts = {name: samples.read(data[name]) for name in ("phrases", "translations")}
        return cls(**{**data, **texts})

    def on(self, template: str) -> Corpus:
        """The same corpus, with the shares and factors learned for one template."""
        if template not in self._views:
            view = replace(self, template=template)
            view.__dict__["_words"] = self._words  # costly, and equal for all templates
            self._views[template] = view
        return self._views[template]

    @cached_property
    def _views(self) -> dict[str, Corpus]:
        return {}

    @cached_property
    def _fair(self) -> dict[str, tuple[list[str], list[int]]]:
        """Kind of fact -> labels and their cumulative weights, filled on first use."""
        return {}

    def _weighted(self, kind: str) -> tuple[list[str], list[int]]:
        if kind not in self._fair:
            right, wrong = self.answers.get(kind, {}), self.refuted.get(kind, {})
            counts = self.labels
            if sum(right.values()) >= ENOUGH:
                # Wrong choices that come from the clip itself count as drawn.
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
        """Labels as wrong choices for a kind of fact, each once, drawn by weight; :data:`COMMON` last.

        A label is offered as a wrong choice about as often as it is right (see :func:`fair_weights`),
        counted by kind of fact: rain is often the longest sound and seldom the last.
        """
        names, sums = self._weighted(kind)
        yield from weighted(names, sums, self.labels, *key)
        yield from (label for label in shuffled(COMMON, *key) if label not in self.labels)

    def draw_phrases(self, pool: str, length: int, *key: object) -> Iterator[str]:
        """Phrases of about ``length`` words, of the pool and then of all of its split and language."""
        yield from samples.nearest(self.phrases.get(pool, {}), length, *key)
        whole = pool.partition("/")[0]
        if whole != pool:
            yield from samples.nearest(self.phrases.get(whole, {}), length, *key)
        if ":" not in pool:  # English
            yield from sorted(_PHRASES, key=lambda t: (abs(len(t.split()) - length), digest(t, *key)))

    def draw_translations(self, pool: str, length: int, *key: object) -> Iterator[str]:
        """Translations of about ``length`` words, nearest in length first."""
        yield from samples.nearest(self.translations.get(pool, {}), length, *key)

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        return {
            pool: [word for texts in by_length.values() for text in texts for word in keywords(text)]
            for pool, by_length in self.phrases.items()
        }

    def draw_words(self, pool: str, *key: object) -> Iterator[str]:
        """Words as wrong choices, each once, drawn by frequency."""
        words = self._words.get(pool, [])
        yield from weighted(words, range(1, len(words) + 1), (), *key)
        if ":" not in pool:
            yield from shuffled({word for text in _PHRASES for word in keywords(text)}, *key)


def _copied(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(row) for name, row in table.items()}


def _sorted(table: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(counts.items())) for name, counts in sorted(table.items())}
