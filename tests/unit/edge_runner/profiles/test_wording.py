"""Numbers as people read them."""

from __future__ import annotations

import pytest

from edge_runner.profiles.wording import edge_text


@pytest.mark.parametrize(
    ("edge", "text"),
    [
        (2013.0, "2013"),
        (9999.0, "9999"),
        (-2013.0, "\N{MINUS SIGN}2013"),
        (10_000.0, "10\N{NARROW NO-BREAK SPACE}000"),
        (0.25, "0.25"),
    ],
)
def test_numbers_that_may_be_years_have_no_separator(edge, text):
    assert edge_text(edge) == text
