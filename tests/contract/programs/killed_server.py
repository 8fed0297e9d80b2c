"""The other end of a bridge whose every call is made by a process of its own, which may be killed within it.

It runs in the interpreter with the real clients. Importing those takes seconds, so it is done once, before
anything is sent; a process for a call is forked from there, logs in anew, and ends with its call. Death is
SIGKILL before a piece of a request, a header or a body, leaves. What was sent before has its effect, whether
the answer was read or not: so each death is also one after the request before.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from edge_training.adapters.bridge.protocol import OPEN, line, message
from edge_training.adapters.bridge.server import Server
from edge_training.errors import ModelRegistryUnavailable

FORKED = get_context("fork")
CLIENTS = {
    "azureml": ("edge_training.adapters.azureml.client", "azureml.core.authentication"),
    "azureml-mlflow": ("mlflow", "azureml.mlflow._restclient.artifact", "azure.identity"),
}
"""What a kind of registry imports at its first call."""
KILLED = line({"error": {"kind": ModelRegistryUnavailable.__name__, "message": "It was killed."}})


def die_before(piece: int) -> None:
    """Kill this process before it sends the piece of this number, counted from 0."""
    sent = count()

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event == "http.client.send" and next(sent) == piece:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def make_call(server: Server, text: bytes, dies_at: int | None, answers: Connection) -> None:
    """Make one call, in the process that may die of it."""
    if dies_at is not None:
        die_before(dies_at)
    answers.send_bytes(server.answer(text))


def answered(server: Server, text: bytes) -> bytes:
    """The answer to one line."""
    request = message(text)
    if request["call"] == OPEN:
        opened = server.answer(text)
        for module in CLIENTS[request["arguments"]["registry"]["kind"]]:
            import_module(module)
        return opened
    dies_at = request["arguments"].pop("dies_at")
    receiving, sending = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=make_call, args=(server, line(request), dies_at, sending))
    process.start()
    sending.close()
    try:
        return receiving.recv_bytes()
    except EOFError:
        process.join()
        assert process.exitcode == -signal.SIGKILL
        return KILLED
    finally:
        process.join()


def main() -> None:
    """Serve until the input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        server = Server()
        for text in sys.stdin.buffer:
            answers.write(answered(server, text))
            answers.flush()


if __name__ == "__main__":
    main()
