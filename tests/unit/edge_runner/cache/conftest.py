"""An empty cache, and objects put into it as a transfer would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_runner.cache.index import Entry, Index, opened
from edge_runner.cache.layout import Cache, address_of
from edge_runner.manifest import ManifestBlob


@pytest.fixture
def cache(tmp_path) -> Cache:
    """An empty cache."""
    made = Cache(tmp_path / "cache")
    made.prepare()
    return made


@pytest.fixture
def index(cache) -> Iterator[Index]:
    """Its index."""
    with opened(cache.index_path) as found:
        yield found


@pytest.fixture
def put(cache):
    """Writes an object and gives what an index would know of it."""

    def write(content: bytes) -> Entry:
        partial = cache.new_partial()
        partial.write_bytes(content)
        address = address_of(partial)
        path = cache.object_path(address)
        partial.replace(path)
        return Entry.of(address, path.stat())

    return write


@pytest.fixture
def blob():
    """Makes blobs of a manifest."""

    def make(name: str, split: str = "train", **changes) -> ManifestBlob:
        values = {"name": name, "size": 3, "etag": "0x1", "md5": None, "partition": "p", "split": split}
        return ManifestBlob(**values | changes)

    return make
