"""A blob's file on its way into the cache: every byte of it, or an error."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import pytest

from edge_runner.cache.partial import SLICE_BYTES, claim, keep_small

CONTENT = bytes(range(256)) * 1024


@contextmanager
def no_file_longer_than(size_bytes):
    """The kernel takes what fits and tells so by the count alone, as with a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def bring_large(cache, blob):
    partial = claim(cache, "pin", blob)
    try:
        partial.take(memoryview(CONTENT))
        partial.finish(cache)
    finally:
        partial.close(keep=False)


def bring_small(cache, blob):
    keep_small(cache, blob, CONTENT)


@pytest.mark.parametrize("bring", [bring_large, bring_small])
@pytest.mark.parametrize("lacking", [1, SLICE_BYTES - 1, SLICE_BYTES + 1])
def test_disk_that_takes_a_part_of_what_is_written_leaves_no_shorter_object(cache, blob, bring, lacking):
    with no_file_longer_than(len(CONTENT) - lacking), pytest.raises(OSError, match="File too large"):
        bring(cache, blob("x", size=len(CONTENT)))
    assert cache.objects() == []
    assert list((cache.root / "partial").iterdir()) == []
