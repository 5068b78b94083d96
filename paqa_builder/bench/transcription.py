"""What is said, by whom, in which language: WER, cpWER, language accuracy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.records import Scene, Utterance

Normaliser = Callable[[str], str]
# Written without spaces between words: every character counts as a word, as in Whisper's evaluation.
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km", "yue"})


def score(pairs: Mapping[str, tuple[Scene, Reference]]) -> dict[str, Ratio]:
    """Scores utterances, after Whisper's text normaliser for the language.

    WER compares the words of the clip in the order of the utterances' starts. cpWER compares each
    speaker's words under the assignment of speakers with the fewest errors (Watanabe et al., CHiME-6,
    2020); words of nobody count as one more speaker, so that they are all insertions. A clip whose
    *transcribe* failed has heard nothing.
    """
    wer: dict[str, tuple[float, float]] = {}
    cpwer: dict[str, tuple[float, float]] = {}
    language: dict[str, tuple[float, float]] = {}
    for clip, (heard, reference) in pairs.items():
        true = _inside(reference.truth.utterances or (), reference)
        found = _inside(heard.utterances or (), reference)
        normal = normaliser(language_of(true))
        words = normal(" ".join(u.text for u in true))
        total = float(len(words.split()))
        wer[clip] = (edits(words, normal(" ".join(u.text for u in found))), total)
        if all(u.speaker is not None for u in true):
            cpwer[clip] = (permuted_edits(_streams(true, normal), _streams(found, normal)), total)
        spoken = {u.language for u in true if u.language}
        if spoken:
            language[clip] = (float(language_of(found) in spoken), 1.0)
    named = {"wer": wer, "cpwer": cpwer, "language_right": language}
    return {name: Ratio(parts) for name, parts in named.items() if parts}


def language_of(utterances: Iterable[Utterance]) -> str | None:
    """The language of most characters; None where no utterance names one."""
    counts: Counter[str] = Counter()
    for utterance in utterances:
        if utterance.language:
            counts[utterance.language] += len(utterance.text)
    return min(counts, key=lambda code: (-counts[code], code)) if counts else None


@cache
def normaliser(language: str | None) -> Normaliser:
    """Whisper's normaliser: the English one where nothing else is known (Radford et al., 2022, app. C)."""
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    made: Normaliser
    if language in (None, "en"):
        made = EnglishTextNormalizer()
    else:
        made = BasicTextNormalizer(split_letters=language in _UNSPACED)
    return made


def permuted_edits(reference: list[str], heard: list[str]) -> int:
    """Fewest word edits over all one-to-one assignments of speakers; unmatched ones count in full.

    Edits add up over speakers, so the best permutation is an assignment problem (Hungarian method).
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    size = max(len(reference), len(heard))
    if size == 0:
        return 0
    reference, heard = (texts + [""] * (size - len(texts)) for texts in (reference, heard))
    cost = np.array([[edits(one, other) for other in heard] for one in reference])
    return int(cost[linear_sum_assignment(cost)].sum())


def edits(reference: str, heard: str) -> int:
    """Word substitutions, deletions and insertions."""
    import jiwer

    if not reference.strip():
        return len(heard.split())  # jiwer refuses an empty reference
    found = jiwer.process_words(reference, heard)
    return int(found.substitutions + found.deletions + found.insertions)


def _streams(utterances: Iterable[Utterance], normal: Normaliser) -> list[str]:
    said: dict[str | None, list[str]] = defaultdict(list)
    for utterance in utterances:
        said[utterance.speaker].append(utterance.text)
    return [normal(" ".join(texts)) for texts in said.values()]


def _inside(utterances: Iterable[Utterance], reference: Reference) -> list[Utterance]:
    """Those whose middle is scored, by start."""
    spans = reference.scored
    kept = [u for u in utterances if spans is None or any(a <= (u.start + u.end) / 2 < b for a, b in spans)]
    return sorted(kept, key=lambda u: (u.start, u.end))
