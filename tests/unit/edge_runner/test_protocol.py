"""One wire for both ends: versioned, with one spelling, never half written."""

from __future__ import annotations

import json

import pytest

from edge_runner import protocol
from edge_runner.protocol import Dirs, StepError, canonical_json, read_message, write_atomically


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": [1, 2.5], "a": "ü"}) == '{"a":"ü","b":[1,2.5]}'.encode()
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})


def test_messages_carry_the_protocols_version():
    done = protocol.succeeded("stage", {"blobs": 3}, "a")
    assert read_message(canonical_json(done), "the result") == {
        "protocol": 1,
        "step": "stage",
        "outcome": "succeeded",
        "value": {"blobs": 3},
        "container": "a",
    }
    refused = protocol.refused("stage", StepError("DataCorrupt", "Broken.", {"blob": "a"}))
    assert refused["error"] == {"kind": "DataCorrupt", "message": "Broken.", "details": {"blob": "a"}}


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"7", b"null", b'{"step": "stage"}', b"\xff"])
def test_what_is_no_message_is_refused(raw):
    with pytest.raises(StepError, match="the result is no message of protocol 1") as caught:
        read_message(raw, "the result")
    assert caught.value.kind == "ProtocolMismatch"


def test_another_version_is_refused_and_both_are_named():
    with pytest.raises(StepError, match="speaks protocol 2, expected 1; use the same release on both ends"):
        read_message(b'{"protocol": 2}', "the result")


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_the_containers_paths_are_one_table():
    assert json.dumps({name: str(path) for name, path in vars(Dirs()).items()}) == json.dumps(
        {
            "job": "/edge/job/work",
            "data": "/edge/data",
            "cache": "/edge/cache/work",
            "inputs": "/edge/inputs",
            "code": "/edge/code",
            "delivered": "/edge/job/delivered",
        }
    )
