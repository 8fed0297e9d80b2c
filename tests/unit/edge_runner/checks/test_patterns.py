"""Patterns mean what they mean in ECMA-262."""

from __future__ import annotations

import polars as pl
import pytest

from edge_runner.checks.patterns import in_rust

ARABIC_THREE, UMLAUT = "\u0663", "\u00e4"


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (r"^\d$", ["3"], [ARABIC_THREE, "a"]),
        (r"^\D$", [ARABIC_THREE, "a"], ["3"]),
        (r"^\w$", ["a", "_", "3"], [UMLAUT, "-"]),
        (r"^\W$", [UMLAUT, "-"], ["a"]),
        (r"^[\d-]+$", ["3-3"], [ARABIC_THREE]),
        (r"^[^\d]$", [ARABIC_THREE], ["3"]),
        (r"^[\W]$", [UMLAUT], ["a"]),
        (r"^[\D3]$", ["3", "a"], ["4"]),
        (r"a\b", ["a", f"a{UMLAUT}"], ["ab"]),
        (r"^\\d$", [r"\d"], ["3"]),
        (r"^\[\d\]$", ["[3]"], ["3"]),
        (r"^[\]\d]+$", ["]3"], [ARABIC_THREE]),
        (r"^[a[]+$", ["a["], ["b"]),
        (r"^[a-c&&b]+$", ["a&b"], ["d"]),
        (r"^[~~a]$", ["~", "a"], ["b"]),
        (r"^.$", ["a", UMLAUT], ["\n", "\r", "\u2028"]),
        (r"^[.]$", ["."], ["a"]),
        (r"^[+--]$", ["+", ",", "-"], ["."]),
        (r"^[a-c--/]$", ["b", "-", ".", "/"], ["d", ","]),
        (r"^[\d-x]$", ["3", "-", "x"], ["w"]),
        (r"^[^a-]$", ["b"], ["a", "-"]),
        (r"^[\x41-\x43]$", ["B"], ["D", "x"]),
        (r"^[^]$", ["a", "\n"], [""]),
        (r"^[]a]$", [], ["a", "]", "a]"]),
        (r"^\d{2}-[A-Z]{3}$", ["12-ABC"], ["1-ABC"]),
    ],
)
def test_a_pattern_matches_what_it_does_in_ecma_262(pattern, matching, others):
    found = pl.Series([*matching, *others]).str.contains(in_rust(pattern))
    assert found.to_list() == [True] * len(matching) + [False] * len(others)


def test_a_pattern_without_short_classes_stays_as_it_is():
    assert in_rust(r"(?i)^[a-z]+\.\s$") == r"(?i)^[a-z]+\.\s$"
