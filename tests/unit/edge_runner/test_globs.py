"""Patterns of paths."""

from __future__ import annotations

import pytest

from edge_runner.globs import EVERYTHING, matches_any


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.parquet", "*.parquet", True),
        ("sub/a.parquet", "*.parquet", False),
        ("a.parquet", "**/*.parquet", True),
        ("sub/deep/a.parquet", "**/*.parquet", True),
        ("sub/_tmp/a", "**/_tmp/**", True),
        ("_tmp", "**/_tmp/**", True),
        ("sub/_log", "**/_*", True),
        ("sub/_tmp/a", "**/_*", False),
        ("A.CSV", "*.csv", False),
        (".hidden", "*", True),
        ("a b+%?#", "a b+%[?]#", True),
        ("u\u0308", "\u00fc", False),
    ],
)
def test_a_star_stays_in_its_folder_and_two_stars_do_not(path, pattern, fits):
    assert matches_any(path, (pattern,)) is fits


@pytest.mark.parametrize("path", ["a", "a/b", ".a/.b", "a\nb", "%2f"])
def test_everything_is_everything(path):
    assert matches_any(path, EVERYTHING)


def test_one_of_several_is_enough_and_none_is_not():
    assert matches_any("a", ("b", "a"))
    assert not matches_any("a", ())
