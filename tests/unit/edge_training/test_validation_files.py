"""What a check lets out, and the figures that people compare from day to day."""

from __future__ import annotations

import pytest

from edge_training.validation_files import FIELDS, metrics_of, read_document, require_known

DRIFT = {
    "dep_delay": {"status": "compared", "psi": 0.31, "js": 0.2, "verdict": "warn"},
    "carrier": {"status": "compared", "psi": 0.01, "js": 0.3, "verdict": "ok"},
    "month": {"status": "compared", "psi": 18.4, "js": 1.0, "verdict": "ok"},
    "gate": {"status": "new", "psi": None, "js": None, "verdict": "ok"},
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_document_may_hold_what_was_agreed(name):
    fields = ", ".join(f'"{field}": 1' for field in sorted(FIELDS[name]))
    require_known(name, f"{{{fields}}}".encode())


def test_a_page_is_known_by_its_digest_only():
    require_known("report.html", b"<p>")


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"1", b'{"version": "1"}', b"{}"])
def test_what_is_no_document_of_ours_is_not_read(content):
    assert read_document(content) is None


@pytest.mark.parametrize(
    ("found", "figures"),
    [
        ({}, {}),
        ({"rows": 3, "partition_rows": 1}, {"rows": 3.0, "partition_rows": 1.0}),
        (
            {"rules": [{"outcome": "failed"}, {"outcome": "passed"}, {"outcome": "failed"}]},
            {"rules_failed": 2.0, "rules_warned": 0.0},
        ),
        ({"drift": DRIFT}, {"worst_psi": 0.31, "worst_js": 0.3}),
        ({"drift": {"gate": DRIFT["gate"]}}, {}),
        ({"drift": {}}, {}),
    ],
)
def test_figures_are_those_that_were_found(found, figures):
    """What is ignored says nothing: a month is always another one."""
    assert metrics_of(found, ignore=("month",)) == figures
