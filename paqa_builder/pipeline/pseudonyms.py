"""Pseudonyms: hashes in place of the names of speakers and uploaders in a corpus's annotation.

A name becomes ``spk-`` and ten hexadecimal digits, the same in all clips of a source, so that a speaker can
still be found again within the corpus. Names such as ``S1``, which only number the speakers of a clip, stay.

A pseudonym is not anonymous: with a list of names and without a key, it can be computed again. With a secret
key it cannot. Attribution that a licence asks for names authors and is not changed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from paqa_builder.records import NO_TRUTH, Clip, Turn, Utterance

_LOCAL = re.compile(r"S\d{1,3}")
_PREFIX = {"speaker": "spk", "uploader": "upl"}
_DIGITS = 10


def pseudonymised(clip: Clip, key: str = "") -> Clip:
    """A clip whose annotation and groups have pseudonyms for speakers and uploaders.

    Args:
        key: Secret that is part of the hashes; without it they depend on the source's name alone.
    """

    if not clip.groups and (clip.truth is NO_TRUTH or clip.truth == NO_TRUTH):
        return clip

    def hashed(name: str, kind: str = "speaker") -> str:
        return name if _LOCAL.fullmatch(name) else _pseudonym(name, kind, clip.source, key)

    truth = clip.truth
    return replace(
        clip,
        groups=tuple(_group(group, hashed) for group in clip.groups),
        truth=replace(
            truth,
            turns=None if truth.turns is None else tuple(_renamed(turn, hashed) for turn in truth.turns),
            utterances=None
            if truth.utterances is None
            else tuple(_renamed(utterance, hashed) for utterance in truth.utterances),
            speakers=None
            if truth.speakers is None
            else tuple(replace(speaker, name=hashed(speaker.name)) for speaker in truth.speakers),
        ),
    )


_Spoken = TypeVar("_Spoken", Turn, Utterance)


def _renamed(record: _Spoken, hashed: Callable[[str], str]) -> _Spoken:
    return record if record.speaker is None else replace(record, speaker=hashed(record.speaker))


def _group(group: str, hashed: Callable[[str, str], str]) -> str:
    kind, _, name = group.partition(":")
    return f"{kind}:{hashed(name, kind)}" if kind in _PREFIX else group


def _pseudonym(name: str, kind: str, source: str, key: str) -> str:
    content = f"{kind}\0{source}\0{name}".encode()
    digest = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return f"{_PREFIX[kind]}-{digest[:_DIGITS]}"
