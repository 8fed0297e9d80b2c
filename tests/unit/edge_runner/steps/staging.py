"""Stages a container of the stand-in."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.standins.certificates import certificates
from tests.standins.ranged_blobs import CONTAINER, RangedBlobs

from edge_runner.cache.partial import PIECE_BYTES
from edge_runner.manifest import MANIFEST_NAME, make_manifest
from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import stage

LARGE = random.Random(5).randbytes(3 * PIECE_BYTES + 12345)


class Staged:
    """A stage step on a container of the stand-in, in directories of a test's own."""

    def __init__(self, box: RangedBlobs, dirs: Dirs) -> None:
        self.box = box
        self.dirs = dirs

    def pin(self) -> str:
        """Write the manifest of what is in the container now; gives its digest."""
        folder = self.dirs.inputs / "snapshot"
        folder.mkdir(exist_ok=True)
        manifest = make_manifest(CONTAINER, map(self.box.manifest_blob, self.box.blobs))
        return manifest.write(folder / MANIFEST_NAME)

    def run(self, digest: str | None = None, **changes: Any) -> dict[str, Any]:
        """Stage the container as it is, or was."""
        request = {
            "endpoint": self.box.endpoint,
            "container": CONTAINER,
            "api_version": "2019-02-02",
            "ca_pem": certificates().ca_file.read_text(),
            "data_digest": digest or self.pin(),
            "parallel": 3,
            "quota_bytes": None,
            "keep_s": 3600,
        }
        return stage.run(request | changes, {"sas": "sig=SECRET"}, self.dirs)

    def refusal(self, digest: str | None = None, **changes: Any) -> StepError:
        """The sentence it ends with; then there is no view."""
        with pytest.raises(StepError) as caught:
            self.run(digest, **changes)
        assert list((self.dirs.cache / "views").iterdir()) == []
        return caught.value

    def file(self, name: str) -> Path:
        """A staged blob."""
        return next((self.dirs.cache / "views").iterdir()) / "train" / name

    def partials(self) -> list[Path]:
        """What lies half-written."""
        return list((self.dirs.cache / "partial").iterdir())
