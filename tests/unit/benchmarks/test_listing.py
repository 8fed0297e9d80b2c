"""The listing that the snapshot is measured on is one that a store could give, and the same at every run."""

from __future__ import annotations

from benchmarks.listing.server import PAGE_BLOBS, pages

from edge_runner.blobs.listing import parse_listing

BLOBS = 2 * PAGE_BLOBS + 1


def test_the_pages_lead_to_one_another_and_list_every_blob_once_in_order():
    read = [parse_listing(page) for page in pages(BLOBS)]
    names = [blob.name for blobs, _ in read for blob in blobs]
    assert [marker for _, marker in read] == ["1", "2", ""]
    assert [len(blobs) for blobs, _ in read] == [PAGE_BLOBS, PAGE_BLOBS, 1]
    assert names == sorted(set(names))


def test_two_runs_are_measured_on_the_same_listing():
    assert pages(100) == pages(100)
