"""Names of licences."""

from __future__ import annotations

import pytest

from paqa_builder.licenses import (
    allows,
    conflict,
    hub_id,
    is_open,
    is_restricted,
    normal,
    spdx,
    url,
)
from paqa_builder.licenses.allowed import checked


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


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("CC0-1.0", True), ("CC0", True), ("CC-BY-4.0", True), ("MIT", True), ("CC-BY-4.0 (VCTK)", True),
        ("http://creativecommons.org/licenses/by/3.0/us/", True), ("CC-BY-3.0 AND CC-BY-4.0", True),
        ("CC-BY-NC-3.0", False), ("CC-BY-SA-4.0", False), ("CC-BY-ND-4.0", False), ("ODbL-1.0", False),
        ("GPL-3.0", False), ("unknown", False), ("", False), ("CC-BY-4.0 AND CC-BY-NC-4.0", False),
        ("http://creativecommons.org/licenses/sampling+/1.0/", False), ("https://example.org/terms", False),
        ("http://creativecommons.org/licenses/by-nc/3.0/us/", False),
    ],
)  # fmt: skip
def test_open_licences(name: str, is_it: bool) -> None:
    assert is_open(name) is is_it
    assert is_restricted(name) is (not is_it and normal(name) != "unknown")


@pytest.mark.parametrize(
    ("allowed", "name", "is_it"),
    [
        (["CC-BY"], "CC-BY-3.0", True), (["CC-BY"], "CC-BY-NC-3.0", False),
        (["CC-BY"], "CC-BY-SA-3.0", False),
        (["cc-by-nc"], "CC-BY-NC-3.0", True), (["CC0"], "CC0-1.0", True), (["CC-BY-4.0"], "CC-BY-3.0", False),
        (["open"], "MIT", True), (["open"], "unknown", False), (["unknown"], "", True),
        (["CC-BY"], "http://creativecommons.org/licenses/by/3.0/us/", True),
        (["https://creativecommons.org/licenses/by/4.0/"], "CC-BY-4.0", True),
        (["CC-BY"], "CC-BY-4.0 AND CC-BY-NC-4.0", False),
        (["CC-BY", "CC-BY-NC"], "CC-BY-4.0 AND CC-BY-NC-4.0", True),
        ([], "CC0-1.0", False), (["GPL-3.0"], "gpl-3.0", True),
    ],
)  # fmt: skip
def test_allowed_licences(allowed: list[str], name: str, is_it: bool) -> None:
    assert allows(allowed, name) is is_it


@pytest.mark.parametrize(
    ("names", "which"),
    [
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], ("CC-BY-SA-4.0", "CC-BY-NC-4.0")),
        (["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], True),
        (["CC-BY-ND-4.0"], ("CC-BY-ND-4.0", "CC-BY-ND-4.0")),
        (["GPL-3.0", "CC-BY-NC-4.0"], True),
        (["ODbL-1.0", "CC-BY-SA-4.0"], True),
        (["CC-BY-SA-4.0", "http://creativecommons.org/licenses/sampling+/1.0/"], True),
        (["CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-4.0", "CC0"], None),
        (["CC-BY-NC-4.0", "CC-BY-4.0", "CC0-1.0"], None),
        (["CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"], None),
        (["CC-BY-NC-4.0", "http://creativecommons.org/licenses/sampling+/1.0/"], None),
        (["ODbL-1.0", "CC-BY-4.0"], None),
        (["unknown", "CC-BY-SA-4.0"], None),
        ([], None),
    ],
)
def test_licences_that_may_not_be_mixed(names: list[str], which: object) -> None:
    found = conflict(names)
    assert (found is None) if which is None else found is not None
    if isinstance(which, tuple):
        assert found is not None
        assert found[:2] == which


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("CC-BY-NC-3.0", "https://creativecommons.org/licenses/by-nc/3.0/"),
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("MIT", "https://spdx.org/licenses/MIT.html"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("unknown", ""),
    ],
)
def test_address_of_a_licence(name: str, address: str) -> None:
    assert url(name) == address


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY 4.0", "CC-BY-4.0"), ("cc-by-4.0", "CC-BY-4.0"), ("CC_BY_NC_SA_4.0", "CC-BY-NC-SA-4.0"),
        ("cc-by", "CC-BY"), ("CC BY-NC 3.0 Unported", "CC-BY-NC-3.0"), ("CC-BY4.0", "CC-BY-4.0"),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("Creative Commons Attribution-NonCommercial 4.0 International License", "CC-BY-NC-4.0"),
        ("Attribution NonCommercial", "CC-BY-NC"), ("Attribution-ShareAlike 3.0", "CC-BY-SA-3.0"),
        ("Attribution-NoDerivatives 4.0", "CC-BY-ND-4.0"),
        ("Attribution ShareAlike NonCommercial 3.0", "CC-BY-NC-SA-3.0"), ("Creative Commons 0", "CC0-1.0"),
        ("CC0 1.0 Universal", "CC0-1.0"), ("cc0-1.0", "CC0-1.0"), ("Public Domain", "CC-PDM-1.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/deed.de", "CC-BY-NC-4.0"),
        ("creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        ("//creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/?ref=chooser", "CC-BY-4.0"),
        ("HTTPS://CreativeCommons.org/licenses/BY/4.0/", "CC-BY-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/legalcode.en", "CC0-1.0"),
        ("All rights reserved", "All rights reserved"), ("by", "by"), ("Apache-2.0", "Apache-2.0"),
        ("GPL-3.0", "GPL-3.0"), ("attributed to Bob", "attributed to Bob"),
    ],
)  # fmt: skip
def test_names_as_people_write_them(text: str, name: str) -> None:
    assert spdx(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Unknown", "unknown"), ("n/a", "unknown"), ("None", "unknown"), ("-", "unknown"),
        ("Sampling+", "http://creativecommons.org/licenses/sampling+/1.0/"),
        ("https://creativecommons.org/licenses/sampling+/1.0/deed.de", "http://creativecommons.org/licenses/sampling+/1.0/"),
        ("https://www.creativecommons.org/licenses/by/3.0/US", "http://creativecommons.org/licenses/by/3.0/us/"),
        ("CC\u2011BY\u20114.0", "CC-BY-4.0"), ("MIT License", "MIT"), ("Apache 2.0", "Apache-2.0"),
        ("gpl-3.0", "GPL-3.0"), ("All rights reserved", "All rights reserved"),
    ],
)  # fmt: skip
def test_one_licence_has_one_name(text: str, name: str) -> None:
    assert spdx(text) == name


@pytest.mark.parametrize("entry", ["CC-BY-NCC", "CC-BY-4", "CC-BYNC-SAA", "opn", "CC-NC-BY", ""])
def test_misspelt_entries_of_a_list_of_licences_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"Did you mean|empty text"):
        checked(["CC0", entry])


def test_known_names_and_those_of_corpora_are_entries_of_a_list() -> None:
    entries = [
        "open", "Unknown", "CC0", "cc-by", "CC BY-NC 3.0", "CC-BY-NC-SA", "MIT", "GPL-3.0", "Sampling+",
        "https://example.org/terms", "LicenseRef-Clotho", "Freesound terms",
    ]  # fmt: skip
    assert checked(entries) == entries
