"""The verify step against small servers: the real image is verified in tests/integration."""

from __future__ import annotations

import json
import math
import socket
import sys

import pytest

from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import verify

SERVER = """
import http.server, json, sys
port, ping, status, answer = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(ping); self.end_headers()
    def do_POST(self):
        print("row 4711 was asked", flush=True)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(status); self.end_headers(); self.wfile.write(answer.encode())
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def dirs(tmp_path) -> Dirs:
    """A probe of three rows."""
    dirs = Dirs(job=tmp_path / "job", inputs=tmp_path / "inputs")
    (dirs.inputs / "evaluate").mkdir(parents=True)
    dirs.job.mkdir()
    probe = {"inputs": {"dataframe_split": {}}, "predictions": [1.5, 2.5, 3.5]}
    (dirs.inputs / "evaluate" / "probe.json").write_text(json.dumps(probe))
    return dirs


def request(port, *, ping=200, status=200, answer=None, limit_s=20) -> dict:
    answer = json.dumps({"predictions": [1.5, 2.5, 3.5]}) if answer is None else answer
    command = [sys.executable, "-c", SERVER, str(port), str(ping), str(status), answer]
    return {"command": command, "port": port, "tolerance": 1e-9, "start_limit_s": limit_s}


def refusal(request, dirs) -> str:
    with pytest.raises(StepError) as caught:
        verify.run(request, {}, dirs)
    assert caught.value.kind == "VerificationFailed"
    return caught.value.message


def test_equal_predictions_verify_the_image(dirs, port):
    value = verify.run(request(port), {}, dirs)

    assert (value["ping"], value["rows"], value["max_difference"]) == (200, 3, 0.0)


def test_the_server_is_gone_afterwards(dirs, port):
    verify.run(request(port), {}, dirs)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_the_server_prints_stays_on_the_site(dirs, port, capfd):
    verify.run(request(port), {}, dirs)

    assert "4711" in (dirs.job / "server.log").read_text()
    assert "4711" not in "".join(capfd.readouterr())


def test_another_prediction_is_named_by_row_and_not_by_value(dirs, port):
    message = refusal(request(port, answer='{"predictions": [1.5, 2.25, 3.5]}'), dirs)

    assert "1 of 3 predictions" in message
    assert "row 1" in message
    assert "2.25" not in message


@pytest.mark.parametrize(
    ("faulty", "expected"),
    [
        ({"answer": '{"predictions": [1.5]}'}, "1 predictions where the evaluated model gave 3"),
        ({"answer": "<html>"}, "something else than MLflow's predictions"),
        ({"status": 400, "answer": "row 4711 is bad"}, "status 400"),
        ({"ping": 503, "limit_s": 1}, "did not answer /ping with 200 within 1 s"),
    ],
)
def test_every_other_answer_fails_with_a_sentence(dirs, port, faulty, expected):
    message = refusal(request(port, **faulty), dirs)

    assert expected in message
    assert "4711" not in message


def test_a_server_that_ends_is_not_waited_for(dirs, port):
    crash = {**request(port, limit_s=60), "command": [sys.executable, "-c", "raise SystemExit(3)"]}

    assert "exit code 3" in refusal(crash, dirs)


def test_a_missing_program_is_named(dirs, port):
    assert "/no/such/server" in refusal({**request(port), "command": ["/no/such/server"]}, dirs)


@pytest.mark.parametrize(
    ("expected", "answered", "difference"),
    [
        (1, 1.0, 0.0),
        (1.0, 1.5, 0.5),
        ([1.0, 2.0], [1.0, 2.25], 0.25),
        ([1.0], [1.0, 2.0], math.inf),
        ("late", "late", 0.0),
        ("late", "early", math.inf),
        (True, 1, 0.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
        (1.0, None, math.inf),
    ],
)
def test_differences(expected, answered, difference):
    assert verify.difference(expected, answered) == difference
