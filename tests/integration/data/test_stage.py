"""The stage step on a real store: exactly the manifest's bytes, or a refusal."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from edge_runner.manifest import MANIFEST_NAME, Manifest, ManifestBlob
from edge_runner.protocol import StepError


def refusal(box, data_digest):
    with pytest.raises(StepError) as caught:
        box.stage(data_digest)
    assert not box.view(data_digest).exists()
    assert list((box.dirs.cache / "partial").glob("*")) == []
    return caught.value


def test_view_holds_the_blobs_bytes_under_their_names(box):
    names = ["day=1/a b", "day=1/ü/漢字", "day=1/..hidden", "day=1/100%25+&=?#;~", "day=1/empty"]
    for name in names:
        box.put(name, b"" if name.endswith("empty") else name.encode() * 1000)
    digest = box.snapshot(train="day=1/")["data_digest"]
    value = box.stage(digest)
    assert (value["blobs"], value["reused_blobs"]) == (5, 0)
    assert value["downloaded_bytes"] == value["size_bytes"]
    view = box.view(digest) / "train"
    assert {str(path.relative_to(view)) for path in view.rglob("*") if path.is_file()} == set(names)
    assert (view / "day=1/a b").read_bytes() == b"day=1/a b" * 1000
    assert (view / "day=1/empty").read_bytes() == b""


def test_second_time_nothing_is_downloaded(box):
    box.put("day=1/a", b"abc")
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.stage(digest)
    assert box.stage(digest) == {
        "blobs": 1,
        "size_bytes": 3,
        "downloaded_bytes": 0,
        "reused_blobs": 1,
        "repaired_blobs": 0,
        "evicted_bytes": 0,
    }


def test_window_that_moves_by_a_day_downloads_one_day(box):
    for day in (1, 2, 3):
        box.put(f"day={day}/a", b"%d" % day * 100)
    box.stage(box.snapshot(train="day=1/", holdout="day=2/")["data_digest"])
    digest = box.snapshot(train="day=2/", holdout="day=3/")["data_digest"]
    value = box.stage(digest)
    assert (value["downloaded_bytes"], value["reused_blobs"]) == (100, 1)
    assert (box.view(digest) / "train/day=2/a").read_bytes() == b"2" * 100


def test_blobs_with_the_same_bytes_are_kept_once(box):
    box.put("day=1/a", b"abc" * 100)
    box.put("day=1/b", b"abc" * 100)
    view = box.view(digest := box.snapshot(train="day=1/")["data_digest"])
    box.stage(digest)
    assert (view / "train/day=1/a").samefile(view / "train/day=1/b")


def test_staged_files_cannot_be_changed_by_accident(box):
    box.put("day=1/a", b"abc")
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.stage(digest)
    assert (box.view(digest) / "train/day=1/a").stat().st_mode & 0o222 == 0


@pytest.mark.parametrize(
    "content", [b"abc" * 99, b"xyz" * 100, b"abc" * 101], ids=["cut", "replaced", "longer"]
)
def test_blob_that_changed_after_the_snapshot_is_refused_by_name(box, content):
    box.put("day=1/a", b"abc" * 100)
    box.put("day=1/b", b"abc" * 100)
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.put("day=1/b", content)
    error = refusal(box, digest)
    assert error.kind == "DataChanged"
    assert "'day=1/b'" in error.message
    assert "was replaced or deleted after the snapshot; clear the run from snapshot_data" in error.message


def test_blob_that_was_deleted_after_the_snapshot_is_refused_by_name(box):
    box.put("day=1/a", b"abc")
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.client.delete_blob("day=1/a")
    error = refusal(box, digest)
    assert (error.kind, "'day=1/a'" in error.message) == ("DataChanged", True)
    assert "was replaced or deleted after the snapshot" in error.message


def test_blob_without_the_promised_checksum_is_refused_with_both(box):
    box.put("day=1/a", b"abc")
    box.set_md5("day=1/a", bytes(16))
    error = refusal(box, box.snapshot(train="day=1/")["data_digest"])
    assert error.kind == "DataCorrupt"
    assert "'day=1/a' has MD5 kAFQmDzST7DWlj99KOF/cg==, expected AAAAAAAAAAAAAAAAAAAAAA==" in error.message


def test_blob_of_another_size_than_the_manifests_is_refused(box):
    box.put("day=1/a", b"abc")
    etag = box.client.get_blob_client("day=1/a").get_blob_properties().etag.strip('"')
    pinned = ManifestBlob("day=1/a", 4, etag, None, "day=1/", "train")
    manifest = Manifest(box.client.container_name, (pinned,))
    error = refusal(box, manifest.write(box.dirs.inputs / "snapshot" / MANIFEST_NAME))
    assert error.kind == "DataCorrupt"
    assert "'day=1/a' has 3 bytes, expected 4" in error.message


def test_manifest_that_is_not_the_one_asked_for_is_refused(box):
    box.put("day=1/a", b"abc")
    box.snapshot(train="day=1/")
    assert refusal(box, hashlib.sha256(b"another").hexdigest()).kind == "DataChanged"


def test_name_that_would_leave_the_view_is_refused_before_anything_is_read(box):
    pinned = ManifestBlob("day=1/../../../outside", 3, "0x1", None, "day=1/", "train")
    manifest = Manifest(box.client.container_name, (pinned,))
    error = refusal(box, manifest.write(box.dirs.inputs / "snapshot" / MANIFEST_NAME))
    assert error.kind == "DataRejected"
    assert "cannot be a file on the site" in error.message


def test_signature_that_ends_while_staging_leaves_no_view(box):
    box.put("day=1/a", b"abc")
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.signature["key"] = "d3Jvbmc="
    assert refusal(box, digest).kind == "StoreRefused"


def test_two_runs_may_stage_at_once(box):
    for number in range(40):
        box.put(f"day=1/{number}", b"%d" % number * 5000)
    digest = box.snapshot(train="day=1/")["data_digest"]
    together = threading.Barrier(2)

    def stage_together(_):
        together.wait()
        return box.stage(digest)

    with ThreadPoolExecutor(2) as pool:
        values = list(pool.map(stage_together, range(2)))
    assert [value["blobs"] for value in values] == [40, 40]
    files = list((box.view(digest) / "train/day=1").iterdir())
    assert len(files) == 40
    assert all(path.read_bytes() == path.name.encode() * 5000 for path in files)
    assert list((box.dirs.cache / "partial").iterdir()) == []


def test_damaged_content_on_the_disk_is_downloaded_again(box):
    box.put("day=1/a", b"abc" * 100)
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.stage(digest)
    link = box.view(digest) / "train/day=1/a"
    link.chmod(0o644)
    link.write_bytes(b"abc")
    value = box.stage(digest)
    assert (value["downloaded_bytes"], value["repaired_blobs"]) == (300, 1)
    assert link.read_bytes() == b"abc" * 100


def test_other_store_with_the_same_names_is_not_mistaken_for_this_one(box):
    box.put("day=1/a", b"abc")
    digest = box.snapshot(train="day=1/")["data_digest"]
    box.stage(digest)
    elsewhere = replace(
        box, access={"endpoint": box.site.blob_host_endpoint.replace("127.0.0.1", "localhost")}
    )
    assert elsewhere.stage(digest)["downloaded_bytes"] == 3
