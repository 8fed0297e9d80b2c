"""The forwarder passes bytes both ways to one address, and says when nobody answers there."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from edge_training.jobs import RUNNER_FOLDER


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def forwarder():
    """Start a forwarder to a port; gives the port it listens on."""
    started: list[subprocess.Popen] = []

    def start(target_port: int) -> tuple[int, subprocess.Popen]:
        port = free_port()
        source = (RUNNER_FOLDER / "forwarder.py").read_text()
        process = subprocess.Popen(
            [sys.executable, "-c", source, str(port), "127.0.0.1", str(target_port)],
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
