"""EAF files (ELAN): tiers whose annotations have times.

Tiers that depend on another one are read if their name says what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paqa_builder.annotations.base import FIX, Annotation, span
from paqa_builder.annotations.tiers import Tier, fill, names_layer
from paqa_builder.errors import SourceError
from paqa_builder.untrusted.xml_files import read_xml


def read_eaf(path: Path) -> Iterator[Annotation]:
    """The annotation of the clip with the file's name."""
    try:
        root = read_xml(path)
    except (ValueError, OSError, SyntaxError) as error:
        raise SourceError(f"{path}: cannot be read as XML ({error})", fix=FIX) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise SourceError(f"{path}: is a <{root.tag}>, not an <ANNOTATION_DOCUMENT>", fix=FIX)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    tiers = []
    for tier in root.iter("TIER"):
        name = tier.get("TIER_ID") or ""
        # Words or translations of another tier's annotations, often without times of their own.
        if tier.get("PARENT_REF") and not names_layer(name):
            continue
        intervals = []
        for cell in tier.iter("ALIGNABLE_ANNOTATION"):
            where = f"{path}, annotation {cell.get('ANNOTATION_ID')!r}"
            times = [slots.get(cell.get(f"TIME_SLOT_REF{n}")) for n in (1, 2)]
            text = "".join(cell.findtext("ANNOTATION_VALUE") or "").strip()
            if not text:
                continue
            if None in times:
                raise SourceError(f"{where}: has no times", fix=FIX)
            try:
                start, end = (int(time or "") / 1000 for time in times)
            except (ValueError, OverflowError):
                shown = " and ".join(repr(time)[:40] for time in times)
                raise SourceError(f"{where}: times are milliseconds, not {shown}", fix=FIX) from None
            intervals.append((*span(start, end, where), text))
        tiers.append(Tier(name, tuple(intervals)))
    annotation = Annotation(str(path), (path.stem,), "eaf")
    fill(annotation, tiers)
    yield annotation
