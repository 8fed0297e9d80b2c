"""Image references and tags."""

from __future__ import annotations

import pytest

from edge_training.errors import BadRequest
from edge_training.image_reference import ImageReference, legal_tag

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        (f"127.0.0.1:5000/edge/serving@{DIGEST}", ("127.0.0.1:5000", "edge/serving", None, DIGEST)),
        ("acme.azurecr.io/flight_delay:v1", ("acme.azurecr.io", "flight_delay", "v1", None)),
        (f"acme.azurecr.io/a/b:v1@{DIGEST}", ("acme.azurecr.io", "a/b", "v1", DIGEST)),
    ],
)
def test_a_reference_is_taken_apart(reference, parts):
    image = ImageReference.parse(reference)

    assert (image.host, image.repository, image.tag, image.digest) == parts


@pytest.mark.parametrize(
    "reference", ["", "flight_delay", "host/UPPER", "host/repo@sha256:abc", "https://host/repo", "host/a//b"]
)
def test_what_is_no_reference_is_refused_with_an_example(reference):
    with pytest.raises(BadRequest, match="@sha256:"):
        ImageReference.parse(reference)


def test_the_digest_says_more_than_the_tag():
    assert ImageReference.parse(f"h/r:v1@{DIGEST}").version == DIGEST
    assert ImageReference.parse("h/r:v1").version == "v1"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("2013-02-01-v3", "2013-02-01-v3"),
        ("2013-02-01T00:00:00+00:00-v3", "2013-02-01T00-00-00-00-00-v3"),
        ("..x", "x"),
        ("a" * 200, "a" * 128),
    ],
)
def test_a_tag_is_made_legal(text, tag):
    assert legal_tag(text) == tag
