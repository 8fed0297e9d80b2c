"""Step verify: start the serving image's own server, hold its answers against those recorded at evaluation.

Runs in the serving image, without a network, with the standard library only. What the server prints stays on
the site: an error message of a model may quote a row.

Request: `{command: [argv...], port, tolerance, start_limit_s}`.
Value: `{ping: 200, rows, max_difference, seconds}`.
"""

from __future__ import annotations

import http.client
import json
import math
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_runner.protocol import PROBE_NAME, Dirs, StepError

SERVER_LOG_NAME = "server.log"
_HOST = "127.0.0.1"
_POLL_S = 0.2
_PING_LIMIT_S = 5.0
_ANSWER_LIMIT_S = 120.0
_STOP_LIMIT_S = 10.0


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Prove that the image answers /ping and /invocations as the evaluated model did.

    Args:
        request: `command` is the image's own; `tolerance` is the largest absolute difference of two numbers.
        secrets: None needed.
        dirs: `inputs/evaluate/probe.json` holds `{"inputs": scoring request, "predictions": [...]}`.

    Raises:
        StepError: kind `VerificationFailed`.
    """
    probe = json.loads((dirs.inputs / "evaluate" / PROBE_NAME).read_bytes())
    port, started = int(request["port"]), time.monotonic()
    with running_server(request["command"], dirs.job / SERVER_LOG_NAME) as server:
        wait_until_ready(server, port, float(request["start_limit_s"]))
        answered = invoke(port, probe["inputs"])
    difference = compare(probe["predictions"], answered, float(request["tolerance"]))
    rows, seconds = len(answered), round(time.monotonic() - started, 3)
    print(f"verify: {rows} predictions, largest difference {difference:g}, {seconds} s", flush=True)
    return {"ping": 200, "rows": rows, "max_difference": difference, "seconds": seconds}


@contextmanager
def running_server(command: Sequence[str], log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a child process, ended when the block is left."""
    with log_file.open("wb") as log:
        try:
            server = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError as error:
            raise failed(f"cannot start its server {command[0]} ({error.strerror})") from error
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], port: int, limit_s: float) -> None:
    """Return when /ping answers 200.

    Raises:
        StepError: kind `VerificationFailed`, when the server ended or was not ready in time.
    """
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if (exit_code := server.poll()) is not None:
            raise failed(f"ended with exit code {exit_code} before it answered /ping")
        if ping(port):
            return
        time.sleep(_POLL_S)
    raise failed(f"did not answer /ping with 200 within {limit_s:g} s")


def ping(port: int) -> bool:
    """Whether the server says that it is ready."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=_PING_LIMIT_S)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def invoke(port: int, inputs: Mapping[str, Any]) -> list[Any]:
    """The server's predictions for a scoring request.

    Raises:
        StepError: kind `VerificationFailed`, when there is no answer or it is none of MLflow's.
    """
    connection = http.client.HTTPConnection(_HOST, port, timeout=_ANSWER_LIMIT_S)
    try:
        connection.request("POST", "/invocations", json.dumps(inputs), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise failed(f"did not answer /invocations ({type(error).__name__})") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise failed(f"answered /invocations with status {response.status}")
    try:
        return list(json.loads(body)["predictions"])
    except (ValueError, KeyError, TypeError) as error:
        raise failed("answered /invocations with something else than MLflow's predictions") from error


def compare(expected: Sequence[Any], answered: Sequence[Any], tolerance: float) -> float:
    """The largest absolute difference between two lists of predictions.

    Raises:
        StepError: kind `VerificationFailed`, when they differ in number or by more than the tolerance.
    """
    if len(expected) != len(answered):
        raise failed(f"gave {len(answered)} predictions where the evaluated model gave {len(expected)}")
    differences = [difference(*pair) for pair in zip(expected, answered, strict=True)]
    wrong = [row for row, value in enumerate(differences) if value > tolerance]
    if wrong:
        raise failed(
            f"gave {len(wrong)} of {len(expected)} predictions that differ by more than {tolerance:g} "
            f"from the evaluated model's, the first for row {wrong[0]}"
        )
    return max(differences, default=0.0)


def difference(expected: Any, answered: Any) -> float:
    """How far two predictions are apart; what is no number is either equal (0) or not (infinity)."""
    if isinstance(expected, list) and isinstance(answered, list) and len(expected) == len(answered):
        return max((difference(*pair) for pair in zip(expected, answered, strict=True)), default=0.0)
    if is_number(expected) and is_number(answered):
        both_missing = math.isnan(expected) and math.isnan(answered)
        distance = 0.0 if both_missing or expected == answered else abs(expected - answered)
        return math.inf if math.isnan(distance) else distance
    return 0.0 if expected == answered else math.inf


def is_number(value: Any) -> bool:
    """Whether a prediction is a number; JSON's true and false are labels."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def failed(what: str) -> StepError:
    """The verdict against an image."""
    return StepError(
        "VerificationFailed",
        f"The serving image {what}; it was not tagged. Make sure that the serving image has the libraries of "
        f"the training image; the server's own log is {SERVER_LOG_NAME} in the job's volume on the site.",
    )
