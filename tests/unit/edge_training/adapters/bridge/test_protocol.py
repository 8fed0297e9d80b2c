"""Whatever travels over the bridge arrives as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_training.adapters.bridge import protocol
from edge_training.bundle import Metric
from edge_training.errors import ProtocolMismatch
from edge_training.ports.model_registry import ModelVersion, Registration

TEXTS = st.text() | st.sampled_from(["$", "$path", "$bytes", "$Metric"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary()
    | st.builds(Path, st.sampled_from(["/a", "b/ü"]))
    | st.builds(Metric, st.text(), st.floats(allow_nan=False), st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@given(VALUES)
def test_every_value_arrives_as_it_was(value):
    assert protocol.message(protocol.line({"value": value}))["value"] == value


def test_a_registration_and_a_version_arrive_whole():
    registration = Registration(
        name="m",
        training_key="k",
        bundle=Path("/store/b.tar"),
        tags={"partition": "2013-02-01"},
        metrics=[Metric("mae", 9.0, 1)],
        params={"depth": "3"},
        attachments={"validation/profile.json": b"\x00\xff"},
        description="über",
        state="rejected",
    )
    version = ModelVersion("m", "7", {"state": "registered"}, "run-1", "s3://x")
    sent = {"registration": registration, "version": version}
    arrived = protocol.message(protocol.line({"arguments": sent}))["arguments"]
    assert arrived == sent


def test_a_message_is_one_line():
    assert protocol.line({"value": "a\nb\r\n\u2028"}).count(b"\n") == 1


@pytest.mark.parametrize("text", [b"", b"no json", b"[]", b'{"value": 1}', b'{"version": 2, "value": 1}'])
def test_what_is_no_message_of_this_version_is_named_with_the_remedy(text):
    with pytest.raises(ProtocolMismatch, match="use the same release of this project in both environments"):
        protocol.message(text)


def test_what_does_not_travel_is_refused_where_it_is_sent():
    with pytest.raises(TypeError, match="object does not travel"):
        protocol.line({"value": object()})


def test_the_version_stands_in_every_message():
    assert json.loads(protocol.line({"call": "find"}))["version"] == protocol.VERSION
