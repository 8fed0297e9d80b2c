"""Edges of bins, and where they lie."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_runner.profiles.edges import PLACES


@pytest.mark.parametrize(
    ("kind", "earlier", "later", "distance"),
    [
        ("number", -1.5, 2.0, 3.5),
        ("date", "2012-12-31", "2013-01-02", 2),
        ("timestamp", "2013-01-01T22:00", "2013-01-02T01:00", 3),
        ("time", "07:04", "08:00", 56),
    ],
)
def test_an_axis_is_even_in_what_its_column_measures(kind, earlier, later, distance):
    assert PLACES[kind](later) - PLACES[kind](earlier) == distance


def test_columns_are_drawn_without_the_libraries_that_measure_them():
    """Workers, who draw model cards, have neither."""
    blocked = "import sys; sys.modules['numpy'] = sys.modules['polars'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}import edge_runner.profiles.cards"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
