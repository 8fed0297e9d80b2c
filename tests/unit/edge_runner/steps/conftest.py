"""A container to stage, and where it goes."""

from __future__ import annotations

import pytest
from tests.standins.ranged_blobs import ranged_blobs
from tests.unit.edge_runner.steps.staging import LARGE, Staged


@pytest.fixture
def staged(dirs):
    with ranged_blobs(small=b"abc", empty=b"", large=LARGE) as box:
        yield Staged(box, dirs)
