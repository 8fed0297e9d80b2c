"""How the registry's bad answers are named and how often they are tried; its API is a contract test."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from edge_training.adapters.oci.registry import OciRegistry, pieces
from edge_training.errors import BadRequest, RegistryRefused, RegistryUnavailable
from edge_training.image_layer import bytes_blob

DIGEST = "sha256:" + "0" * 64


class Transport:
    """Counts requests and answers each the same way."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)


def registry(transport: Transport) -> OciRegistry:
    return OciRegistry(
        "acme.azurecr.io", "edge", "secret", pause_s=0, tries=3, transport=httpx.MockTransport(transport)
    )


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_registry_that_is_busy_is_tried_again_a_bounded_number_of_times(status):
    transport = Transport(lambda _: httpx.Response(status))

    with pytest.raises(RegistryUnavailable, match=str(status)):
        registry(transport).has_manifest("flights", DIGEST)
    assert len(transport.requests) == 3


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "correct login"), (403, "let this user push"), (400, "correct the repository")],
)
def test_a_refusal_is_not_tried_again_and_names_the_remedy(status, remedy):
    transport = Transport(lambda _: httpx.Response(status))

    with pytest.raises(RegistryRefused, match=remedy) as caught:
        registry(transport).has_manifest("flights", DIGEST)
    assert len(transport.requests) == 1
    assert "acme.azurecr.io" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_registrys_own_words_are_passed_on():
    errors = {"errors": [{"code": "NAME_INVALID", "message": "invalid repository name"}]}
    transport = Transport(lambda _: httpx.Response(400, json=errors))

    with pytest.raises(RegistryRefused, match="NAME_INVALID: invalid repository name"):
        registry(transport).get_manifest("flights", "latest")


def test_bytes_of_another_digest_are_not_taken():
    transport = Transport(lambda _: httpx.Response(200, content=b"{}", headers={"Content-Type": "x"}))

    with pytest.raises(RegistryRefused, match="examine the registry's storage"):
        registry(transport).get_manifest("flights", DIGEST)


def test_an_upload_is_not_sent_on_to_another_host():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(404)
        return httpx.Response(202, headers={"Location": "https://elsewhere.test/upload"})

    with pytest.raises(RegistryRefused, match=r"elsewhere\.test"):
        registry(Transport(answer)).put_blob("flights", bytes_blob(b"layer"))


def test_an_image_of_another_registry_is_refused_before_anything_is_sent():
    transport = Transport(lambda _: httpx.Response(200))

    with pytest.raises(BadRequest, match="not on the registry"):
        registry(transport).resolve("other.azurecr.io/flights:v1")
    assert transport.requests == []


def test_pieces_hold_the_same_bytes_in_lists_of_about_one_size():
    chunks = iter([b"abc", b"", b"de", b"fghij", b"k"])

    assert list(pieces(chunks, 4)) == [[b"abc", b"", b"de"], [b"fghij"], [b"k"]]
    assert list(pieces(iter([b""]), 4)) == []
