"""Whether what a completion claims to hear is there, by the shard's own records.

Four parts, of which those count that the records say something about:

- ENV: F1 of the sounds named. Several names of one sound count once; what may be there is left out.
- SPEAKER: 0.7 for the right number, 0.3 for who speaks when and says what, as far as it is said.
- ASR: 1 - WER, and no more than 1 - WER over the words that the question does not give away.
- REASONING: the share of its claims that CAPTION backs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.rewards import reading
from recipes.rewards.records import Known, alike, kind_of, known, label, name
from recipes.scoring import matching

_WEIGHTS = {"env": 0.4, "speaker": 0.2, "asr": 0.25, "backing": 0.15}
_COUNT = 0.7
_NEGATED = re.compile(r"(?i)\b(?:no|not|nothing|nobody|none|never|neither|nor|without)\b|n['’]t\b")
_SPEAKER = re.compile(rf"(?i)\b({'|'.join(reading.ORDINALS)}) speaker\b")
_FRAME = 0.1


def perception(
    completions: Sequence[str], rows: Sequence[Row], tokens: Sequence[int] | None = None
) -> list[float]:
    """The weighted mean of the parts; 0 for a row without records."""
    return [_score(completion, row) for completion, row in zip(completions, rows, strict=True)]


def parts(completion: str, row: Row) -> dict[str, float]:
    """Every part that the row's records say something about, in [0, 1]."""
    facts = known(row)
    env, speaker, asr = (reading.leaf(completion, tag) for tag in ("ENV", "SPEAKER", "ASR"))
    found: dict[str, float] = {}
    if facts.sounds is not None:
        found["env"] = 0.0 if env is None else environment(env, facts)
    if facts.turns is not None:
        found["speaker"] = 0.0 if speaker is None else speaker_score(speaker, asr or "", facts)
    if facts.speech is not None:
        found["asr"] = 0.0 if asr is None else transcript(asr, row, facts)
    if found:
        found["backing"] = backing(completion, row, facts)
    return found


def environment(env: str, facts: Known) -> float:
    """F1 of the sounds that ENV names; 1 where there is nothing to name and nothing is named."""
    heard = facts.sounds or frozenset()
    named = [label(text) for text in reading.sounds(env)]
    hits = {sound for sound in heard if any(alike(sound, one) for one in named)}
    wrong = [one for one in named if not any(alike(one, other) for other in heard | facts.possible)]
    if not heard and not wrong:
        return 1.0
    return 2 * len(hits) / (len(hits) + len(heard) + len(wrong))


def speaker_score(speaker: str, asr: str, facts: Known) -> float:
    """The number of speakers, and what is attributed to each."""
    turns = facts.turns or ()
    right = float(reading.speakers(speaker) == len(turns))
    if not turns:
        return right
    claims = []
    if spoken := reading.turns(speaker):
        claims.append(_overlap(spoken, turns))
    said = reading.speech(asr)
    if facts.speech and any(who for who, _ in said):
        claims.append(_attributed(said, facts.speech))
    return _COUNT * right + (1 - _COUNT) * (sum(claims) / len(claims) if claims else 0.0)


def transcript(asr: str, row: Row, facts: Known) -> float:
    """1 - WER; words of the question and its choices, which need no listening, do not help."""
    real = " ".join(text for _, text in facts.speech or ())
    claimed = " ".join(text for _, text in reading.speech(asr))
    if not reading.words(real):
        return float(not reading.words(claimed))
    given = set(reading.words(" ".join([row.question, *row.choices])))
    new = [" ".join(word for word in reading.words(text) if word not in given) for text in (real, claimed)]
    whole = _accuracy(real, claimed)
    return min(whole, _accuracy(*new)) if new[0] else whole


def backing(completion: str, row: Row, facts: Known) -> float:
    """The share of REASONING's claims that the completion's own CAPTION backs; 0.5 without claims.

    Claims are sounds heard or not heard, speakers by number, and quotes.
    """
    reasoning = reading.leaf(completion, "REASONING")
    if reasoning is None:
        return 0.0
    env = reading.sounds(reading.leaf(completion, "ENV") or "")
    count = reading.speakers(reading.leaf(completion, "SPEAKER") or "") or 0
    asr = f" {' '.join(reading.words(reading.leaf(completion, 'ASR') or ''))} "
    heard = [label(text) for text in env]
    names = {*env, *map(str.casefold, row.choices), *map(name, facts.sounds or ())}
    names = {text for text in names if text in env or label(text) != text}
    claims: list[bool] = []
    for sentence in reading.sentences(reasoning.replace(", but ", "; ")):
        negated = bool(_NEGATED.search(sentence))
        quoted = reading.quotes(sentence)
        plain = re.sub(r"[“\"].*?[”\"]", " ", sentence)
        for text in map(label, reading.mentions(plain, names)):
            if negated:  # wrong only of the sound itself: rain may be heard where thunder is not
                claims.append(not any(kind_of(other, text) for other in heard))
            else:
                claims.append(any(alike(text, other) for other in heard))
        claims += [(f" {' '.join(reading.words(quote))} " in asr) != negated for quote in quoted]
        if not negated:
            claims += [reading.ORDINALS.index(who.casefold()) < count for who in _SPEAKER.findall(sentence)]
    return sum(claims) / len(claims) if claims else 0.5


def _score(completion: str, row: Row) -> float:
    found = parts(completion, row)
    weight = sum(_WEIGHTS[part] for part in found)
    return sum(_WEIGHTS[part] * value for part, value in found.items()) / weight if weight else 0.0


def _accuracy(real: str, claimed: str) -> float:
    errors, said = matching.word_errors(real, claimed)
    return max(0.0, 1.0 - errors / said) if said else float(not claimed)


def _attributed(said: list[tuple[int | None, str]], real: tuple[tuple[int | None, str], ...]) -> float:
    """1 - WER with each speaker's words joined, over all speakers that are named or speak."""
    errors = total = 0
    for who in {who for who, _ in (*said, *real) if who}:
        mine, claimed = (" ".join(text for by, text in layer if by == who) for layer in (real, said))
        wrong, words = matching.word_errors(mine, claimed)
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
    # An hour is more than any clip has, and a claim of ages must not take ages.
    return {i for a, b in spans for i in range(int(a / _FRAME), min(int(b / _FRAME), 36_000))}
