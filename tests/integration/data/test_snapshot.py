"""The snapshot step on a real store."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode

import pytest

from edge_runner.protocol import StepError
from edge_training.project import Ready

UNUSUAL_NAMES = [
    "day=1/a b",
    "day=1/ü/漢字",
    "day=1/caf\u00e9",
    "day=1/cafe\u0301",
    "day=1/..hidden",
    "day=1/100%25+&=?#;~",
    "day=1/" + "/".join(["x" * 200] * 5),
]


def manifest(box):
    return json.loads((box.dirs.inputs / "snapshot/manifest.json").read_bytes())


def refusal(box, **parts):
    with pytest.raises(StepError) as caught:
        box.snapshot(**parts)
    assert not list(box.dirs.job.iterdir())
    return caught.value


def test_manifest_pins_name_size_etag_and_checksum(box):
    box.put("day=1/a", b"abc")
    box.put("day=2/a", b"")
    value = box.snapshot(train="day=1/", holdout="day=2/")
    first, second = manifest(box)["blobs"]
    assert first["etag"] == box.client.get_blob_client("day=1/a").get_blob_properties().etag.strip('"')
    assert first["md5"] == b64encode(hashlib.md5(b"abc").digest()).decode()  # noqa: S324  (Content-MD5 is MD5)
    assert (first["size"], first["split"], first["partition"]) == (3, "train", "day=1/")
    assert (second["size"], second["split"]) == (0, "holdout")
    content = (box.dirs.inputs / "snapshot/manifest.json").read_bytes()
    assert value == {
        "data_digest": hashlib.sha256(content).hexdigest(),
        "blobs": 2,
        "size_bytes": 3,
        "partitions": {"day=1/": 1, "day=2/": 1},
    }


def test_nothing_changed_gives_the_same_digest_and_any_write_another(box):
    box.put("day=1/a", b"abc")
    first = box.snapshot(train="day=1/")["data_digest"]
    assert box.snapshot(train="day=1/")["data_digest"] == first
    box.put("day=1/a", b"abc")
    assert box.snapshot(train="day=1/")["data_digest"] != first


def test_unusual_names_are_listed_as_they_are(box):
    for name in UNUSUAL_NAMES:
        box.put(name, name.encode())
    box.snapshot(train="day=1/")
    assert [blob["name"] for blob in manifest(box)["blobs"]] == sorted(UNUSUAL_NAMES)


def test_blob_without_a_checksum_is_pinned_by_its_etag(box):
    box.put("day=1/a", b"abc")
    box.set_md5("day=1/a", None)
    box.snapshot(train="day=1/")
    assert manifest(box)["blobs"][0]["md5"] is None


def test_part_without_blobs_is_named(box):
    box.put("day=1/a", b"abc")
    error = refusal(box, train="day=1/", holdout="day=2/")
    assert error.kind == "PartitionEmpty"
    assert "Partition day=2/ has no blobs under day=2/" in error.message


def test_blob_in_two_parts_is_refused_because_the_holdout_would_leak(box):
    box.put("day=11/a", b"abc")
    error = refusal(box, train="day=1", holdout="day=11")
    assert error.kind == "BadRequest"
    assert "make the prefixes of the partitions disjoint" in error.message


def test_name_that_would_be_both_file_and_folder_is_refused(box):
    box.put("day=1/a", b"abc")
    box.put("day=1/a/b", b"abc")
    error = refusal(box, train="day=1/")
    assert error.kind == "DataRejected"
    assert "'day=1/a' is also the folder of other blobs" in error.message


def test_year_of_flights_is_listed_whole(flights_box):
    value = flights_box.snapshot(train="flights/")
    assert value["blobs"] == 1095
    assert all(blob["md5"] for blob in manifest(flights_box)["blobs"])


def test_what_the_project_excludes_and_its_marker_are_no_data(box):
    box.selection = {"exclude": ("**/_*",), "include": ("**/*.parquet", "_SUCCESS")}
    box.selection["ready"] = Ready(marker="_SUCCESS")
    for name in ("a.parquet", "sub/b.parquet", "sub/_c.parquet", "a.csv", "_SUCCESS"):
        box.put(f"day=1/{name}", b"abc")
    box.snapshot(train="day=1/")
    assert [blob["name"] for blob in manifest(box)["blobs"]] == ["day=1/a.parquet", "day=1/sub/b.parquet"]


def test_a_folder_of_hadoops_driver_is_no_data(box):
    box.client.upload_blob("day=1/sub", b"", metadata={"hdi_isfolder": "true"})
    box.put("day=1/sub/a", b"abc")
    assert box.snapshot(train="day=1/")["blobs"] == 1


@pytest.mark.parametrize("kind", ["BlockBlob", "AppendBlob", "PageBlob"])
def test_blobs_of_all_types_are_pinned_and_staged(box, kind):
    box.client.upload_blob("day=1/a", b"x" * 512, blob_type=kind)
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.stage(digest)
    assert (box.view(digest) / "train/day=1/a").read_bytes() == b"x" * 512
