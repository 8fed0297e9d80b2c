"""docs/contract-verdicts.md names every pair over which datacontract-cli and we differ, below its reason."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.edge_runner.contracts.all_pairs import PAIRS
from tests.integration.edge_runner.contracts.differences import line

PAGE = Path(__file__).parents[4] / "docs" / "contract-verdicts.md"
APART = [pair for pair in PAIRS if pair.theirs or pair.why]


def reasons() -> dict[str, list[str]]:
    """The page's pairs by the heading they stand below."""
    sections = re.split(r"^### (.*)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^- .*$", text, flags=re.MULTILINE)
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
    }


def test_every_difference_stands_below_its_reason_and_no_other_does():
    expected: dict[str, list[str]] = {}
    for pair in APART:
        expected.setdefault(str(pair.why), []).append(line(pair))
    assert reasons() == expected


def test_the_page_says_how_many_pairs_there_are_and_how_many_agree():
    assert f"{len(PAIRS)} pairs, of which {len(PAIRS) - len(APART)} agree on every rule" in " ".join(
        PAGE.read_text().split()
    )


def test_every_pair_has_a_name_of_its_own():
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)
