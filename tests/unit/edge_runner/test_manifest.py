"""The manifest has one spelling, and its names can be files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner.manifest import (
    ManifestBlob,
    decode_manifest,
    digest_of_manifest,
    make_manifest,
    require_safe_names,
)
from edge_runner.protocol import StepError


def blob(name, **changes):
    return ManifestBlob(
        **{"name": name, "size": 3, "etag": "0x1", "md5": None, "partition": "p", "split": "train"} | changes
    )


@given(st.permutations([blob("a"), blob("b/c"), blob("b/ü"), blob("z z")]))
def test_digest_does_not_depend_on_the_order_of_the_listing(blobs):
    expected = make_manifest("box", [blob("a"), blob("b/c"), blob("b/ü"), blob("z z")]).encode()
    assert make_manifest("box", blobs).encode() == expected


def test_spelling_is_canonical_json_so_that_digests_stay_the_same_between_releases():
    content = make_manifest("box", [blob("ü", md5="x==", split="holdout")]).encode()
    assert content.decode() == (
        '{"blobs":[{"etag":"0x1","md5":"x==","name":"ü","partition":"p","size":3,"split":"holdout"}],'
        '"container":"box","version":1}'
    )


@pytest.mark.parametrize("change", [{"size": 4}, {"etag": "0x2"}, {"md5": "y=="}, {"split": "holdout"}])
def test_any_change_of_a_blob_changes_the_digest(change):
    one, other = make_manifest("box", [blob("a")]), make_manifest("box", [blob("a", **change)])
    assert digest_of_manifest(one.encode()) != digest_of_manifest(other.encode())


def test_what_was_written_is_read_back():
    manifest = make_manifest("box", [blob("a"), blob("b", md5="x==")])
    content = manifest.encode()
    assert decode_manifest(content, digest_of_manifest(content)) == manifest


def test_manifest_with_another_digest_is_refused():
    content = make_manifest("box", [blob("a")]).encode()
    with pytest.raises(StepError, match="clear the run from snapshot_data") as caught:
        decode_manifest(content.replace(b"0x1", b"0x2"), digest_of_manifest(content))
    assert caught.value.kind == "DataChanged"


def test_manifest_of_another_version_names_both():
    content = json.dumps({"version": 2, "container": "box", "blobs": []}).encode()
    with pytest.raises(StepError, match="version 2, expected 1") as caught:
        decode_manifest(content, digest_of_manifest(content))
    assert caught.value.kind == "ProtocolMismatch"


@pytest.mark.parametrize(
    "name",
    ["..", "a/../b", "../../etc/passwd", "/a", "a//b", "a/", "", ".", "a/./b", "a\0b", "x" * 256, "ü" * 128],
)
def test_name_that_cannot_be_a_file_inside_a_folder_is_refused(name):
    with pytest.raises(StepError, match="cannot be a file") as caught:
        require_safe_names([name])
    assert caught.value.kind == "DataRejected"


@pytest.mark.parametrize("name", ["a b", "...", ".hidden", "..a/b..", "ü/%2e%2e", "a\\b", "x" * 255, "a\nb"])
def test_unusual_but_safe_names_are_kept(name):
    require_safe_names([name])


def test_name_that_is_both_file_and_folder_is_refused():
    with pytest.raises(StepError, match="'a/b' is also the folder"):
        require_safe_names(["a/b/c", "a/b", "a/bc"])
