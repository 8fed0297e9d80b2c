"""What a snapshot pins, whatever order and however many pages the store gives it in, and what it refuses."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.standins.blob_server import scripted_server
from tests.standins.certificates import certificates
from tests.unit.edge_runner.blobs.test_store import SAS, error, listing

from edge_runner.blobs.listing import ListedBlob, Page
from edge_runner.manifest import make_manifest, read_manifest
from edge_runner.protocol import StepError
from edge_runner.selection import Selection
from edge_runner.steps.snapshot import collect, run

NOW = datetime(2013, 2, 1, tzinfo=UTC)
NAMES = [
    "day=1/a b",
    "day=1/..hidden",
    "day=1/100%25+&=?#;~",
    "day=1/caf\u00e9",
    "day=1/cafe\u0301",
    "day=1/line\nbreak",
    "day=1/\U0001f600",
    "day=1/\uffee",
    "day=1/" + "/".join(["x" * 200] * 5),
]
"""An emoji sorts behind U+FFEE by code points and by bytes, and before it by UTF-16, as .NET would."""
DAY_1 = {"partition": "1", "prefix": "day=1/", "split": "train"}
DAY_2 = {"partition": "2", "prefix": "day=2/", "split": "holdout"}


def listed(name, **changes):
    return ListedBlob(**{"name": name, "size": 3, "etag": "0x1", "md5": None, "last_modified": "x"} | changes)


class Pages:
    """A store that answers with pages as given, whatever the order."""

    def __init__(self, *pages):
        self.pages = pages

    def list_pages(self, prefix):
        for page in self.pages:
            yield Page([blob for blob in page if blob.name.startswith(prefix)], "", NOW)


def pinned(*pages, parts=(DAY_1,), **selection):
    return collect(Pages(*pages), "box", parts, Selection(**selection))


def names(blobs):
    return [blob.name for blob in blobs]


def refusal(*pages, **changes):
    with pytest.raises(StepError) as caught:
        pinned(*pages, **changes)
    return caught.value


@given(st.permutations(NAMES), st.integers(1, len(NAMES)))
def test_the_digest_depends_on_neither_order_nor_pages(shuffled, page_size):
    pages = [shuffled[at : at + page_size] for at in range(0, len(shuffled), page_size)]
    blobs = pinned(*([listed(name) for name in page] for page in pages))
    assert names(blobs) == sorted(NAMES)
    assert make_manifest("box", blobs) == make_manifest("box", pinned(map(listed, NAMES)))


def test_a_blob_that_is_listed_twice_is_one():
    """A store may begin a page with what it has said already."""
    assert names(pinned([listed("day=1/a"), listed("day=1/b")], [listed("day=1/b")])) == [
        "day=1/a",
        "day=1/b",
    ]


@pytest.mark.parametrize("change", [{"etag": "0x2"}, {"size": 4}, {"md5": "x=="}])
def test_a_blob_that_changes_while_it_is_listed_is_refused(change):
    found = refusal([listed("day=1/a")], [listed("day=1/a", **change)])
    assert found.kind == "DataChanged"
    assert "'day=1/a' changed while it was listed; clear the run from wait_for_partition" in found.message


def test_days_of_a_window_keep_to_themselves():
    blobs = pinned([listed("day=2/a"), listed("day=1/a"), listed("day=10/a")], parts=[DAY_1, DAY_2])
    assert [(blob.name, blob.partition, blob.split) for blob in blobs] == [
        ("day=1/a", "1", "train"),
        ("day=2/a", "2", "holdout"),
    ]


def test_a_blob_of_two_parts_is_refused():
    found = refusal([listed("day=1/a")], parts=[DAY_1, DAY_1 | {"split": "holdout"}])
    assert (found.kind, "make the prefixes" in found.message) == ("BadRequest", True)


def test_only_what_the_project_includes_is_pinned():
    there = [listed(f"day=1/{name}") for name in ("a.parquet", "sub/b.parquet", "_tmp/c.parquet", "log")]
    assert names(pinned(there, include=("**/*.parquet",), exclude=("_tmp/**",))) == [
        "day=1/a.parquet",
        "day=1/sub/b.parquet",
    ]


def test_patterns_are_relative_to_the_prefix():
    there = [listed("day=1/a"), listed("day=1/day=1/b")]
    assert names(pinned(there, exclude=("day=1/*",))) == ["day=1/a"]


def test_the_marker_is_no_data_and_its_name_no_pattern():
    there = [listed("day=1/a"), listed("day=1/[a]")]
    assert names(pinned(there, marker="[a]")) == ["day=1/a"]


def test_what_only_stands_for_a_folder_is_left_out_and_said(capsys):
    """It has the name of a folder, so that it could be no file beside the blobs in it."""
    there = [listed("day=1/sub", size=0, is_folder=True), listed("day=1/sub/a")]
    assert names(pinned(there)) == ["day=1/sub/a"]
    assert "1 blobs under day=1/ only stand for folders and are left out" in capsys.readouterr().out


def test_a_blob_without_bytes_is_data():
    assert names(pinned([listed("day=1/a", size=0)])) == ["day=1/a"]


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ([], "Partition 1 has no blobs under day=1/ in container box; deliver the data"),
        ([listed("day=1/log")], "that are data: 1 are there, and the project includes none of them; correct"),
    ],
)
def test_a_partition_without_data_says_whether_anything_is_there(there, sentence):
    found = refusal(there, include=("*.parquet",))
    assert found.kind == "PartitionEmpty"
    assert sentence in found.message


def request_to(server):
    return {
        "endpoint": server.endpoint,
        "container": "box",
        "api_version": "2019-02-02",
        "ca_pem": certificates().ca_file.read_text(),
        "parts": [DAY_1],
        "include": ["**"],
        "exclude": [],
        "ready": {"marker": ""},
    }


def test_the_manifest_is_written_and_its_digest_handed_on(dirs):
    with scripted_server(listing("day=1/a", marker="2"), listing("day=1/b")) as server:
        value = run(request_to(server), {"sas": SAS}, dirs)
    blobs = list(read_manifest(dirs.job / "manifest.json", value.pop("data_digest")))
    assert names(blobs) == ["day=1/a", "day=1/b"]
    assert value == {"blobs": 2, "size_bytes": 6, "partitions": {"1": 2}}


@pytest.mark.parametrize(
    "last", [error(403, "AccountIsDisabled"), listing("day=1/a", marker="2"), listing("day=1/../b")]
)
def test_a_listing_that_does_not_come_to_a_good_end_leaves_no_manifest(dirs, last):
    with scripted_server(listing("day=1/a", marker="2"), last) as server, pytest.raises(StepError):
        run(request_to(server), {"sas": SAS}, dirs)
    assert not list(dirs.job.iterdir())
    assert gc.isenabled()
