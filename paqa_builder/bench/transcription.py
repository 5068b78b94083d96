"""Scores of utterances: WER, cpWER and language accuracy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import cast

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.records import Scene, Utterance

Normaliser = Callable[[str], str]
# Languages without spaces between words: every character counts as a word, as in Whisper's evaluation.
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km", "yue"})


def score(pairs: Mapping[str, tuple[Scene, Reference]]) -> dict[str, Ratio]:
    """Scores utterances after Whisper's text normalisation for the language.

    WER compares the words of a clip in the order of the utterances' starts. cpWER compares the words of
    each speaker under the assignment of speakers with the fewest errors (Watanabe et al., CHiME-6, 2020);
    words without a speaker count as one more speaker. A clip whose *transcribe* stage failed counts as
    without words.
    """
    wer: dict[str, tuple[float, float]] = {}
    cpwer: dict[str, tuple[float, float]] = {}
    language: dict[str, tuple[float, float]] = {}
    for clip, (scene, reference) in pairs.items():
        true = _inside(reference.truth.utterances or (), reference)
        estimate = _inside(scene.utterances or (), reference)
        normal = normaliser(language_of(true))
        words = normal(" ".join(u.text for u in true))
        total = float(len(words.split()))
        wer[clip] = (edits(words, normal(" ".join(u.text for u in estimate))), total)
        if all(u.speaker is not None for u in true):
            cpwer[clip] = (permuted_edits(_streams(true, normal), _streams(estimate, normal)), total)
        spoken = {u.language for u in true if u.language}
        if spoken:
            language[clip] = (float(language_of(estimate) in spoken), 1.0)
    scores = {"wer": wer, "cpwer": cpwer, "language_right": language}
    return {name: Ratio(parts) for name, parts in scores.items() if parts}


def language_of(utterances: Iterable[Utterance]) -> str | None:
    """The language with most characters; None if no utterance has a language."""
    counts: Counter[str] = Counter()
    for utterance in utterances:
        if utterance.language:
            counts[utterance.language] += len(utterance.text)
    return min(counts, key=lambda code: (-counts[code], code)) if counts else None


@cache
def normaliser(language: str | None) -> Normaliser:
    """Whisper's text normaliser (Radford et al., 2022, appendix C); the English one for None."""
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    if language in (None, "en"):
        return cast("Normaliser", EnglishTextNormalizer())
    return cast("Normaliser", BasicTextNormalizer(split_letters=language in _UNSPACED))


def permuted_edits(reference: list[str], estimate: list[str]) -> int:
    """Fewest word edits over all one-to-one assignments of speakers, given each speaker's words.

    Words of unmatched speakers are deletions or insertions. Edits add up over speakers, so the best
    permutation is an assignment problem (Hungarian method).
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    size = max(len(reference), len(estimate))
    if size == 0:
        return 0
    reference, estimate = (texts + [""] * (size - len(texts)) for texts in (reference, estimate))
    cost = np.array([[edits(true, other) for other in estimate] for true in reference])
    return int(cost[linear_sum_assignment(cost)].sum())


def edits(reference: str, estimate: str) -> int:
    """Number of word substitutions, deletions and insertions."""
    import jiwer

    if not reference.strip():
        return len(estimate.split())  # jiwer rejects an empty reference
    aligned = jiwer.process_words(reference, estimate)
    return int(aligned.substitutions + aligned.deletions + aligned.insertions)


def _streams(utterances: Iterable[Utterance], normal: Normaliser) -> list[str]:
    """The normalised words of each speaker."""
    by_speaker: dict[str | None, list[str]] = defaultdict(list)
    for utterance in utterances:
        by_speaker[utterance.speaker].append(utterance.text)
    return [normal(" ".join(texts)) for texts in by_speaker.values()]


def _inside(utterances: Iterable[Utterance], reference: Reference) -> list[Utterance]:
    """The utterances whose middle is in a scored interval, by start."""
    spans = reference.scored
    kept = [u for u in utterances if spans is None or any(a <= (u.start + u.end) / 2 < b for a, b in spans)]
    return sorted(kept, key=lambda u: (u.start, u.end))
