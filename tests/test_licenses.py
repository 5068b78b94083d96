"""Names of licences."""

from __future__ import annotations

import pytest

from paqa_builder.licenses import hub_id, spdx


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        ("https://www.creativecommons.org/licenses/by-nc-sa/3.0/legalcode", "CC-BY-NC-SA-3.0"),
        (
            "http://creativecommons.org/licenses/sampling+/1.0/",
            "http://creativecommons.org/licenses/sampling+/1.0/",
        ),
        ("http://creativecommons.org/licenses/by/3.0/us/", "http://creativecommons.org/licenses/by/3.0/us/"),
        ("https://example.org/terms", "https://example.org/terms"),
        (" CC-BY-4.0 ", "CC-BY-4.0"),
        ("", "unknown"),
    ],
)
def test_spdx(text: str, name: str) -> None:
    assert spdx(text) == name


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("CC-BY-4.0", "cc-by-4.0"), ("CC0-1.0", "cc0-1.0"), ("GPL-3.0-only", "gpl-3.0"),
        ("unknown", "unknown"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", "other"),
    ],
)  # fmt: skip
def test_hub_id(name: str, hub: str) -> None:
    assert hub_id(name) == hub
