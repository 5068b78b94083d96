"""Reward for a caption that agrees with the records of the clip.

It has four parts. A part counts if the records cover it:

- ENV: F1 of the named sounds. Several names of one sound count once; uncertain sounds are left out.
- SPEAKER: 0.7 for the right number of speakers, 0.3 for speaking times and attributed words, if given.
- ASR: 1 - WER, but at most 1 - WER over the words that are not in the question or its choices.
- REASONING: the share of its claims that CAPTION supports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading
from recipes.rewards.records import ClipFacts, clip_facts, kind_of, label, name, same_sound
from recipes.scoring import matching

_WEIGHTS = {"env": 0.4, "speaker": 0.2, "asr": 0.25, "backing": 0.15}
_COUNT = 0.7
_NEGATED = re.compile(r"(?i)\b(?:no|not|nothing|nobody|none|never|neither|nor|without)\b|n['’]t\b")
_SPEAKER = re.compile(rf"(?i)\b({'|'.join(reading.ORDINALS)}) speaker\b")
_FRAME = 0.1


def perception(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """The weighted mean of the parts, in [0, 1]; 0 for a row without records."""
    return [_score(completion, row) for completion, row in zip(completions, rows, strict=True)]


def parts(completion: str, row: Row) -> dict[str, float]:
    """The score of every part that the row's records cover, in [0, 1]."""
    facts = clip_facts(row)
    env, speaker, asr = (reading.leaf(completion, tag) for tag in ("ENV", "SPEAKER", "ASR"))
    scores: dict[str, float] = {}
    if facts.sounds is not None:
        scores["env"] = 0.0 if env is None else environment(env, facts)
    if facts.turns is not None:
        scores["speaker"] = 0.0 if speaker is None else speaker_score(speaker, asr or "", facts)
    if facts.speech is not None:
        scores["asr"] = 0.0 if asr is None else transcript(asr, row, facts)
    if scores:
        scores["backing"] = backing(completion, row, facts)
    return scores


def environment(env: str, facts: ClipFacts) -> float:
    """F1 of the sounds that ENV names; 1 if the clip has no sounds and ENV names none."""
    present = facts.sounds or frozenset()
    named = [label(text) for text in reading.sounds(env)]
    hits = {sound for sound in present if any(same_sound(sound, name) for name in named)}
    wrong = [name for name in named if not any(same_sound(name, s) for s in present | facts.possible)]
    if not present and not wrong:
        return 1.0
    return 2 * len(hits) / (len(hits) + len(present) + len(wrong))


def speaker_score(speaker: str, asr: str, facts: ClipFacts) -> float:
    """Score of the number of speakers, their speaking times and the words attributed to them."""
    turns = facts.turns or ()
    right = float(reading.speakers(speaker) == len(turns))
    if not turns:
        return right
    scores = []
    if claimed_turns := reading.turns(speaker):
        scores.append(_overlap(claimed_turns, turns))
    speech = reading.speech(asr)
    if facts.speech and any(number for number, _ in speech):
        scores.append(_attributed(speech, facts.speech))
    return _COUNT * right + (1 - _COUNT) * (sum(scores) / len(scores) if scores else 0.0)


def transcript(asr: str, row: Row, facts: ClipFacts) -> float:
    """1 - WER, but at most 1 - WER over the words that are not in the question or its choices."""
    real = " ".join(text for _, text in facts.speech or ())
    claimed = " ".join(text for _, text in reading.speech(asr))
    if not reading.words(real):
        return float(not reading.words(claimed))
    known = set(reading.words(" ".join([row.question, *row.choices])))
    new = [" ".join(word for word in reading.words(text) if word not in known) for text in (real, claimed)]
    whole = _accuracy(real, claimed)
    return min(whole, _accuracy(*new)) if new[0] else whole


def backing(completion: str, row: Row, facts: ClipFacts) -> float:
    """The share of REASONING's claims that the completion's own CAPTION supports; 0.5 without claims.

    Claims are present or absent sounds, speakers by ordinal, and quotes.
    """
    reasoning = reading.leaf(completion, "REASONING")
    if reasoning is None:
        return 0.0
    env = reading.sounds(reading.leaf(completion, "ENV") or "")
    count = reading.speakers(reading.leaf(completion, "SPEAKER") or "") or 0
    asr = f" {' '.join(reading.words(reading.leaf(completion, 'ASR') or ''))} "
    present = [label(text) for text in env]
    names = {*env, *map(str.casefold, row.choices), *map(name, facts.sounds or ())}
    names = {text for text in names if text in env or label(text) != text}
    claims: list[bool] = []
    for sentence in reading.sentences(reasoning.replace(", but ", "; ")):
        negated = bool(_NEGATED.search(sentence))
        quoted = reading.quotes(sentence)
        plain = re.sub(r"[“\"].*?[”\"]", " ", sentence)
        for text in map(label, reading.mentions(plain, names)):
            if negated:  # contradicted by the sound or a kind of it only: thunder can be absent in rain
                claims.append(not any(kind_of(other, text) for other in present))
            else:
                claims.append(any(same_sound(text, other) for other in present))
        claims += [(f" {' '.join(reading.words(quote))} " in asr) != negated for quote in quoted]
        if not negated:
            claims += [reading.ORDINALS.index(nth.casefold()) < count for nth in _SPEAKER.findall(sentence)]
    return sum(claims) / len(claims) if claims else 0.5


def _score(completion: str, row: Row) -> float:
    scores = parts(completion, row)
    weight = sum(_WEIGHTS[part] for part in scores)
    return sum(_WEIGHTS[part] * score for part, score in scores.items()) / weight if weight else 0.0


def _accuracy(real: str, claimed: str) -> float:
    errors, words = matching.word_errors(real, claimed)
    return max(0.0, 1.0 - errors / words) if words else float(not claimed)


def _attributed(claimed: list[tuple[int | None, str]], real: tuple[tuple[int | None, str], ...]) -> float:
    """1 - WER of the words joined by speaker, over all speakers of both transcripts."""
    errors = total = 0
    for speaker in {number for number, _ in (*claimed, *real) if number}:
        texts = [" ".join(text for number, text in side if number == speaker) for side in (real, claimed)]
        wrong, words = matching.word_errors(*texts)
        errors, total = errors + wrong, total + words
    return max(0.0, 1.0 - errors / total) if total else 0.0


def _overlap(
    claimed: dict[int, list[tuple[float, float]]], real: tuple[tuple[tuple[float, float], ...], ...]
) -> float:
    """Intersection over union of speaking time, in frames of 0.1 s, over all speakers."""
    both = either = 0
    for number in {*claimed, *range(1, len(real) + 1)}:
        said = _frames(claimed.get(number, []))
        true = _frames(real[number - 1]) if number <= len(real) else set()
        both, either = both + len(said & true), either + len(said | true)
    return both / either if either else 0.0


def _frames(spans: Sequence[tuple[float, float]]) -> set[int]:
    # Times beyond an hour are dropped, which bounds the size of the set.
    return {i for a, b in spans for i in range(int(a / _FRAME), min(int(b / _FRAME), 36_000))}
