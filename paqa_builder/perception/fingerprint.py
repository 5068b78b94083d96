"""*fingerprint*: acoustic fingerprints, by which a build finds the same recording under several names."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.leaks.fingerprint import VERSION, StoredFingerprint, fingerprint
from paqa_builder.perception.stage import ClipContext, Stage


class Fingerprints(Stage):
    """Fingerprints the mixture. No other stage depends on it."""

    name = "fingerprint"
    version = VERSION
    layer = "fingerprint"

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[StoredFingerprint, ...]]:
        found: list[tuple[StoredFingerprint, ...]] = []
        for context in contexts:
            found.append((fingerprint(context.mix).stored(),))
            context.release()
        return found
