"""The list of what leaves the site."""

from __future__ import annotations

import pytest
from tests.bundles import FILES, stored

from edge_runner.listing import bundle_digest, list_files, listing_of, objection, path_objection

ALLOW = ("model/MLmodel", "model/*.pkl", "model/extra/**", "metrics.jsonl", "evaluation.json")


def test_a_listing_names_each_file_once_in_order():
    assert [file["path"] for file in listing_of({"b": b"", "a": b"1"})] == ["a", "b"]
    assert listing_of({"a": b"1"})[0]["size"] == 1


def test_the_files_of_a_directory_are_listed_by_what_they_hold(tmp_path):
    bundle = stored(tmp_path)
    assert bundle_digest(list_files(tmp_path / "files")) == bundle.stem
    (tmp_path / "files" / "model" / "model.pkl").write_bytes(b"changed")
    assert bundle_digest(list_files(tmp_path / "files")) != bundle.stem


def test_a_listing_of_allowed_files_may_leave():
    assert objection(listing_of(FILES), ALLOW, 1_000_000) is None


@pytest.mark.parametrize(
    "path",
    ["model/rows.parquet", "model/train.csv", "model/deep/model.pkl", "rows.jsonl", "model/model.pkl.npz"],
)
def test_a_file_that_is_not_on_the_list_is_named(path):
    reason = objection(listing_of({**FILES, path: b"1,2,3"}), ALLOW, 1_000_000)

    assert reason is not None
    assert path in reason
    assert "EDGE_MODEL_DIR" in reason


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "model/../x", "model//x", "", "model/.wh.x", "model/a\nb", "model/a\\b"]
)
def test_a_path_that_could_lead_elsewhere_never_leaves(path):
    assert path_objection(path, ("**",)) is not None


@pytest.mark.parametrize(
    ("path", "pattern", "allowed"),
    [
        ("model/a.pkl", "model/*.pkl", True),
        ("model/a/b.pkl", "model/*.pkl", False),
        ("model/extra", "model/extra/**", True),
        ("model/extra/a/b", "model/extra/**", True),
        ("model/x/y/z.bin", "model/**/z.bin", True),
        ("model/z.bin", "model/**/z.bin", True),
        ("Model/a.pkl", "model/*.pkl", False),
    ],
)
def test_a_star_stays_in_its_segment_and_two_stars_do_not(path, pattern, allowed):
    assert (path_objection(path, (pattern,)) is None) == allowed


def test_a_bundle_over_the_limit_names_both_sizes():
    reason = objection(listing_of({"evaluation.json": bytes(11)}), ALLOW, 10)

    assert reason is not None
    assert "11 bytes" in reason
    assert "at most 10" in reason


@pytest.mark.parametrize(
    "files",
    [
        None,
        {"path": "x"},
        ["model/MLmodel"],
        [{"path": "model/MLmodel", "size": -1, "sha256": "0" * 64}],
        [{"path": "model/MLmodel", "size": True, "sha256": "0" * 64}],
        [{"path": "model/MLmodel", "size": 1, "sha256": "x"}],
        [{"path": "model/MLmodel", "size": 1, "sha256": "0" * 64, "rows": [[1, 2]]}],
    ],
)
def test_what_is_no_listing_is_refused(files):
    assert objection(files, ALLOW, 10) is not None


def test_a_path_named_twice_is_refused():
    assert objection(listing_of(FILES) * 2, ALLOW, 1_000_000) is not None


def test_the_digest_does_not_depend_on_the_order():
    assert bundle_digest(listing_of(FILES)) == bundle_digest(listing_of(FILES)[::-1])
    assert bundle_digest(listing_of(FILES)) != bundle_digest(listing_of({**FILES, "model/MLmodel": b"y"}))
