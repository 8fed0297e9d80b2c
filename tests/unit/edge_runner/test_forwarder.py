"""The forwarder passes bytes both ways to one address, through a proxy too, and says why it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest
from tests.standins.connect_proxy import connect_proxy

from edge_training.jobs import RUNNER_FOLDER


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def forwarder():
    """Start a forwarder to a port; gives the port it listens on."""
    started: list[subprocess.Popen] = []

    def start(target_port: int, proxy: str = "") -> tuple[int, subprocess.Popen]:
        port = free_port()
        source = (RUNNER_FOLDER / "forwarder.py").read_text()
        process = subprocess.Popen(
            [sys.executable, "-c", source, str(port), f"127.0.0.1:{target_port}", proxy],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return port, process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def connect(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except ConnectionRefusedError:
            threading.Event().wait(0.02)


def test_bytes_pass_both_ways_and_an_end_reaches_the_other_side(forwarder):
    with socket.create_server(("127.0.0.1", 0)) as store:
        port, _ = forwarder(store.getsockname()[1])
        with connect(port) as client:
            served, _ = store.accept()
            client.sendall(b"question")
            assert served.recv(100) == b"question"
            served.sendall(b"x" * 10**6)
            served.close()
            answer = b""
            while chunk := client.recv(2**16):
                answer += chunk
            assert answer == b"x" * 10**6


def test_a_store_that_does_not_answer_is_named_and_the_client_let_go(forwarder):
    dead = free_port()
    port, process = forwarder(dead)
    with connect(port) as client:
        assert client.recv(1) == b""
    assert f"The blob store 127.0.0.1:{dead} does not answer" in process.stdout.readline()


def test_bytes_pass_through_a_tunnel_that_the_proxy_opens_to_the_store_alone(forwarder):
    with socket.create_server(("127.0.0.1", 0)) as store:
        place = f"127.0.0.1:{store.getsockname()[1]}"
        with connect_proxy(allows=[place]) as proxy:
            port, _ = forwarder(store.getsockname()[1], proxy.address)
            with connect(port) as client:
                served, _ = store.accept()
                client.sendall(b"question")
                assert served.recv(100) == b"question"
                served.sendall(b"answer")
                assert client.recv(100) == b"answer"
                served.close()
            assert proxy.asked == [f"CONNECT {place} HTTP/1.1"]


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ({"allows": []}, "403 Filtered"),
        ({"needs_password": True}, "407 Proxy Authentication Required"),
    ],
)
def test_a_proxy_that_refuses_is_named_with_its_answer(forwarder, rules, answer):
    dead = free_port()
    with connect_proxy(**{"allows": [f"127.0.0.1:{dead}"]} | rules) as proxy:
        port, process = forwarder(dead, proxy.address)
        with connect(port) as client:
            assert client.recv(1) == b""
        said = process.stdout.readline()
    assert f"The blob store 127.0.0.1:{dead} does not answer: the proxy {proxy.address} says" in said
    assert answer in said


def test_a_proxy_that_cannot_reach_the_store_is_named_with_its_answer(forwarder):
    dead = free_port()
    with connect_proxy(allows=[f"127.0.0.1:{dead}"]) as proxy:
        port, process = forwarder(dead, proxy.address)
        with connect(port) as client:
            assert client.recv(1) == b""
        assert "says HTTP/1.1 502 Bad Gateway" in process.stdout.readline()


def test_a_server_that_is_no_proxy_is_said_to_be_none(forwarder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        port, process = forwarder(free_port(), place)
        with connect(port) as client:
            served, _ = server.accept()
            served.close()
            assert client.recv(1) == b""
        assert f"the proxy {place} says nothing that a proxy says" in process.stdout.readline()
