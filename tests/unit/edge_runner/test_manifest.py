"""The manifest has one spelling, and its names can be files."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner import manifest as manifests
from edge_runner.manifest import (
    BATCH_BLOBS,
    Manifest,
    ManifestBlob,
    make_manifest,
    read_manifest,
)
from edge_runner.protocol import StepError, canonical_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def blob(name, **changes):
    return ManifestBlob(
        **{"name": name, "size": 3, "etag": "0x1", "md5": None, "partition": "p", "split": "train"} | changes
    )


def encoded(manifest):
    return b"".join(manifest.pieces())


@given(st.permutations([blob("a"), blob("b/c"), blob("b/ü"), blob("z z")]))
def test_manifest_does_not_depend_on_the_order_of_the_listing(blobs):
    expected = encoded(make_manifest("box", [blob("a"), blob("b/c"), blob("b/ü"), blob("z z")]))
    assert encoded(make_manifest("box", blobs)) == expected


def test_spelling_is_canonical_json_so_that_digests_stay_the_same_between_releases():
    content = encoded(make_manifest("box", [blob("ü", md5="x==", split="holdout")]))
    assert content.decode() == (
        '{"blobs":[{"etag":"0x1","md5":"x==","name":"ü","partition":"p","size":3,"split":"holdout"}],'
        '"container":"box","version":1}'
    )


@pytest.mark.parametrize("change", [{"size": 4}, {"etag": "0x2"}, {"md5": "y=="}, {"split": "holdout"}])
def test_any_change_of_a_blob_changes_the_manifest(change):
    one, other = make_manifest("box", [blob("a")]), make_manifest("box", [blob("a", **change)])
    assert encoded(one) != encoded(other)


@given(st.lists(st.builds(ManifestBlob, TEXT, st.integers(0), TEXT, st.none() | TEXT, TEXT, TEXT)))
def test_spelling_is_that_of_any_writer_of_canonical_json(blobs):
    document = {"version": 1, "container": "bö x", "blobs": [made._asdict() for made in blobs]}
    assert encoded(Manifest("bö x", tuple(blobs))) == canonical_json(document)


@pytest.mark.parametrize("count", [0, 1, 2, BATCH_BLOBS, BATCH_BLOBS + 1, 3 * BATCH_BLOBS])
def test_a_list_of_any_length_is_read_back(tmp_path, count):
    names = [f"a/{number:05d}" for number in range(count)]
    written = make_manifest("box", [blob(name, md5=None if name.endswith("7") else "x==") for name in names])
    digest = written.write(tmp_path / "manifest.json")
    assert digest == sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()
    assert tuple(read_manifest(tmp_path / "manifest.json", digest)) == written.blobs


@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 1000])
def test_wherever_a_piece_ends_the_blobs_are_read_back(tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(manifests, "CHUNK_BYTES", chunk_bytes)
    names = ['a},{"etag":"x', "a},{", "b\\", 'c"', "ü},{", "z"]
    written = make_manifest("box", [blob(name) for name in names])
    digest = written.write(tmp_path / "manifest.json")
    assert [made.name for made in read_manifest(tmp_path / "manifest.json", digest)] == sorted(names)


def test_a_list_of_a_hundred_thousand_is_read_in_little_memory(tmp_path):
    """Some 50 MB if all of them were objects at the same time."""
    written = make_manifest("box", (blob(f"a/{number:060d}") for number in range(100_000)))
    digest = written.write(tmp_path / "manifest.json")
    del written
    tracemalloc.start()
    count = sum(1 for _ in read_manifest(tmp_path / "manifest.json", digest))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak_bytes < 8_000_000


def read_back(folder, content, digest=None):
    (folder / "manifest.json").write_bytes(content)
    return list(read_manifest(folder / "manifest.json", digest or sha256(content).hexdigest()))


def test_manifest_with_another_digest_is_refused(tmp_path):
    content = encoded(make_manifest("box", [blob("a")]))
    with pytest.raises(StepError, match="clear the run from snapshot_data") as caught:
        read_back(tmp_path, content.replace(b"0x1", b"0x2"), sha256(content).hexdigest())
    assert caught.value.kind == "DataChanged"


@pytest.mark.parametrize(
    ("content", "version"), [(b'{"blobs":[],"container":"box","version":2}', "2"), (b"[]", "none")]
)
def test_manifest_of_another_version_names_both(tmp_path, content, version):
    with pytest.raises(StepError, match=f"version {version}, expected 1") as caught:
        read_back(tmp_path, content)
    assert caught.value.kind == "ProtocolMismatch"


@pytest.mark.parametrize(
    "name",
    ["..", "a/../b", "../../etc/passwd", "/a", "a//b", "a/", "", ".", "a/./b", "a\0b", "x" * 256, "ü" * 128],
)
def test_name_that_cannot_be_a_file_inside_a_folder_is_refused(name):
    with pytest.raises(StepError, match="cannot be a file") as caught:
        make_manifest("box", [blob("a/c"), blob(name)])
    assert caught.value.kind == "DataRejected"


@pytest.mark.parametrize("name", ["a b", "...", ".hidden", "..a/b..", "ü/%2e%2e", "a\\b", "x" * 255, "a\nb"])
def test_unusual_but_safe_names_are_kept(name):
    assert make_manifest("box", [blob(name)]).blobs == (blob(name),)


@pytest.mark.parametrize(
    "names", [["a/b/c", "a/b", "a/bc"], ["a/b", "a/b-", "a/b.c/d", "a/b/c/d"], ["a/b", "a/b/c", "a/b/d"]]
)
def test_name_that_is_both_file_and_folder_is_refused(names):
    with pytest.raises(StepError, match="'a/b' is also the folder"):
        make_manifest("box", map(blob, names))


def test_a_name_may_begin_like_others():
    names = ["a", "a b", "a-", "aa", "aa/b", "ab/a", "ab/a-/c"]
    names = [name for name in names if name != "aa"]
    assert [made.name for made in make_manifest("box", map(blob, reversed(names))).blobs] == names


@given(st.lists(st.text("ab/-", min_size=1, max_size=5), unique=True, max_size=8))
def test_names_are_refused_exactly_when_a_file_system_could_not_have_them_all(names):
    folders = {name[:at] for name in names for at, letter in enumerate(name) if letter == "/"}
    possible = folders.isdisjoint(names) and all(all(name.split("/")) for name in names)
    if possible:
        assert len(make_manifest("box", map(blob, names)).blobs) == len(names)
    else:
        with pytest.raises(StepError, match="cannot be a file"):
            make_manifest("box", map(blob, names))
