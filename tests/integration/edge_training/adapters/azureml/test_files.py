"""The files of a version come back as they were, whichever client has sent them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests import bundles


@pytest.mark.parametrize(
    "files",
    [
        *(
            {path: b"content", "model/empty": b""}
            for path in ("model/a b.bin", "model/100%.bin", "model/a+b#c?.bin", "model/\u00e4.bin")
        ),
        {"model/model.pkl": bytes(range(256)) * (20 * 2**20 // 256) + b"end"},
    ],
    ids=["space", "percent", "plus", "umlaut", "many blocks"],
)
def test_a_file_may_have_any_name_and_size(impatient, registration, tmp_path, files):
    bundle = bundles.stored(tmp_path / "other", {**bundles.FILES, **files})

    version = impatient.register(replace(registration, bundle=bundle))

    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()
