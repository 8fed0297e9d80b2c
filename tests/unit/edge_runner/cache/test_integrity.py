"""What the cache promises is believed, checked or thrown away."""

from __future__ import annotations

import pytest

from edge_runner.cache import integrity
from edge_runner.cache.integrity import BELIEVED_FOR_S, intact


def damaged(cache, entry, content):
    """Overwrite an object in place, as a bad disk or a careless hand would."""
    path = cache.object_path(entry.address)
    path.chmod(0o644)
    path.write_bytes(content)
    return path


def test_object_that_nobody_touched_is_not_read_again(cache, put, monkeypatch):
    entry = put(b"abc")
    monkeypatch.setattr(integrity, "_checked", lambda *_: pytest.fail("it was read"))
    assert intact(cache, {"pin": entry}, 2) == {"pin": entry}


@pytest.mark.parametrize(
    "changes",
    [{"boot_id": "before"}, {"inode": 1}, {"mtime_ns": 1}, {"checked_s": -BELIEVED_FOR_S}],
    ids=["other boot", "other file", "written to", "long ago"],
)
def test_doubtful_object_is_read_and_then_believed(cache, put, changes):
    entry = put(b"abc")
    found = intact(cache, {"pin": entry._replace(**changes)}, 2)["pin"]
    assert found._replace(checked_s=entry.checked_s) == entry
    assert found.checked_s >= entry.checked_s


@pytest.mark.parametrize("content", [b"abd", b"ab", b""], ids=["other bytes", "cut", "empty"])
def test_damaged_object_is_removed(cache, put, content):
    entry, whole = put(b"abc"), put(b"whole")
    path = damaged(cache, entry, content)
    assert intact(cache, {"bad": entry, "good": whole}, 2) == {"good": whole}
    assert not path.exists()


def test_object_that_is_gone_is_not_here(cache, put):
    entry = put(b"abc")
    cache.object_path(entry.address).unlink()
    assert intact(cache, {"pin": entry}, 2) == {}


def test_object_of_several_blobs_is_read_once(cache, put, capsys):
    entry = put(b"abc")._replace(boot_id="before")
    found = intact(cache, {"one": entry, "two": entry}, 2)
    assert found["one"] == found["two"] != entry
    assert "checked 1 of 1 blobs" in capsys.readouterr().out
