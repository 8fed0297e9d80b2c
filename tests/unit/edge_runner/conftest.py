"""Directories as a container has them, below a test's own."""

from __future__ import annotations

import pytest

from edge_runner.protocol import Dirs


@pytest.fixture
def dirs(tmp_path) -> Dirs:
    """An empty job: its own directory, staged data, inputs and code."""
    made = Dirs(**{name: tmp_path / name for name in ("job", "data", "cache", "inputs", "code", "delivered")})
    for path in vars(made).values():
        path.mkdir()
    (made.code / "model").mkdir()
    return made
