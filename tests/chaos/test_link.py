"""The link breaks as it is told, and only then: a fault that breaks nothing would prove nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.chaos.link import CHUNK_BYTES, LOOPBACK, Link

QUIET_S = 0.3


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets."""
    server = socket.create_server((LOOPBACK, 0))

    def answer(client: socket.socket) -> None:
        with client:
            while chunk := client.recv(CHUNK_BYTES):
                client.sendall(chunk)

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:  # shut at the end of the test
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def link(echo: tuple[str, int]) -> Iterator[Link]:
    """A link to the echo."""
    link = Link(echo)
    yield link
    link.close()


def connected(link: Link) -> socket.socket:
    """A connection through the link that has carried something."""
    client = socket.create_connection((LOOPBACK, link.port))
    assert said(client, b"hello") == b"hello"
    return client


def said(client: socket.socket, words: bytes) -> bytes:
    """What comes back."""
    client.settimeout(10)
    client.sendall(words)
    return client.recv(CHUNK_BYTES)


def test_a_cut_ends_open_connections_and_lets_new_ones_in(link: Link) -> None:
    client = connected(link)
    link.cut()
    assert client.recv(1) == b""
    connected(link)


def test_a_link_that_refuses_comes_back_on_its_port(link: Link) -> None:
    client = connected(link)
    link.refuse()
    assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(link)
    link.restore()
    connected(link)


def test_a_link_that_holds_loses_nothing_and_passes_nothing_until_it_is_restored(link: Link) -> None:
    client = connected(link)
    link.hold()
    client.sendall(b"late")
    client.settimeout(QUIET_S)
    with pytest.raises(TimeoutError):
        client.recv(1)
    link.restore()
    client.settimeout(10)
    assert client.recv(4) == b"late"


def test_as_many_connections_are_cut_half_way_as_were_ordered(link: Link) -> None:
    link.cut_next(times=1, after_bytes=3)
    first = socket.create_connection((LOOPBACK, link.port))
    assert said(first, b"ab") == b"ab"
    assert said(first, b"c") == b""
    assert link.cuts_left == 0
    assert said(connected(link), b"abcdef") == b"abcdef"


def test_a_broken_server_answers_500(link: Link) -> None:
    link.answer_500()
    client = socket.create_connection((LOOPBACK, link.port))
    assert said(client, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    link.restore()
    connected(link)


def test_the_server_sees_its_own_address_in_the_host_header(echo: tuple[str, int]) -> None:
    link = Link(echo, host_header=True)
    client = socket.create_connection((LOOPBACK, link.port))
    assert said(client, f"Host: {LOOPBACK}:{link.port}".encode()) == f"Host: {LOOPBACK}:{echo[1]}".encode()
    link.close()
