"""Whatever happens to the other process, the caller gets a value or a sentence, and no process stays."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.unit.edge_training.adapters.bridge.conftest import LOOP

from edge_training.adapters.bridge import client
from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import BridgedRegistry
from edge_training.errors import (
    GateFailed,
    ModelRegistryRefused,
    ModelRegistryUnavailable,
    ProtocolMismatch,
    StepCrashed,
)

LOG_LIMIT_S = 10


def replying(answer: str) -> str:
    """A process that gives the same answer to each call."""
    return LOOP + f"    print(json.dumps({{'version': 1, **{answer}}}), flush=True)\n"


def test_calls_are_answered_by_one_process_one_after_the_other(scripted):
    bridge = scripted(
        LOOP + "    print(json.dumps({'version': 1, 'value': [os.getpid(), call]}), flush=True)\n"
    )
    first, second = (bridge.call("find", name=name, training_key="k") for name in "ab")
    assert first[0] == second[0]
    assert first[1] == {"version": 1, "call": "find", "arguments": {"name": "a", "training_key": "k"}}


def test_an_error_of_the_other_end_keeps_its_kind_and_sentence(scripted):
    bridge = scripted(replying('{"error": {"kind": "GateFailed", "message": "too bad"}}'))
    with pytest.raises(GateFailed, match=r"^too bad$"):
        bridge.call("find")


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        (
            "import sys; print('no module', file=sys.stderr); sys.exit(3)",
            ModelRegistryUnavailable,
            "open.* 3 ",
        ),
        (LOOP + "    os._exit(7)\n", ModelRegistryUnavailable, "ended in `find` with 7"),
        (LOOP + "    print('hello', flush=True)\n", ProtocolMismatch, "use the same release"),
        ("print('{\"version\": 2}', flush=True)", ProtocolMismatch, "use the same release"),
    ],
)
def test_a_process_that_dies_or_talks_nonsense_has_its_sentence(scripted, source, error, sentence):
    with pytest.raises(error, match=sentence):
        scripted(source).call("find")


def test_the_last_words_of_a_process_that_dies_are_told(scripted):
    source = LOOP + "    print('ImportError: no azureml', file=sys.stderr, flush=True); os._exit(1)\n"
    with pytest.raises(ModelRegistryUnavailable, match=r"\(ImportError: no azureml\)"):
        scripted(source).call("find")


def test_a_registry_that_is_not_opened_says_why_at_each_call(scripted):
    refused = '{"version": 1, "error": {"kind": "ModelRegistryRefused", "message": "no such name"}}'
    bridge = scripted(f"import sys\nfor _ in sys.stdin: print({refused!r}, flush=True)\n")
    for _ in range(2):
        with pytest.raises(ModelRegistryRefused, match=r"^no such name$"):
            bridge.call("find")


def test_a_process_that_dies_is_replaced_at_the_next_call(scripted, tmp_path):
    mark = tmp_path / "died"
    source = (
        LOOP + f"    if not os.path.exists({str(mark)!r}):\n        open({str(mark)!r}, 'w'); os._exit(1)\n"
        "    print(json.dumps({'version': 1, 'value': 'back'}), flush=True)\n"
    )
    bridge = scripted(source)
    with pytest.raises(ModelRegistryUnavailable):
        bridge.call("find")
    assert bridge.call("find") == "back"


def test_a_call_that_does_not_end_ends_the_process(scripted, monkeypatch, tmp_path):
    monkeypatch.setattr(client, "END_LIMIT_S", 0.1)
    pid_file = tmp_path / "pid"
    bridge = scripted(LOOP + f"    open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(100)\n")
    with pytest.raises(ModelRegistryUnavailable, match=r"did not end `find` within 0\.5 s"):
        bridge.call("find", 0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_the_answer_to_a_call_that_was_interrupted_is_not_taken_for_that_of_the_next(scripted):
    """As when Airflow stops a task, which then says in the registry that it was stopped."""
    bridge = scripted(
        LOOP
        + "    if call['call'] == 'slow':\n        os.kill(os.getppid(), signal.SIGUSR1); time.sleep(1)\n"
        "    print(json.dumps({'version': 1, 'value': call['call']}), flush=True)\n"
    )

    def stop(*_):
        raise InterruptedError("stopped")

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(InterruptedError):
            bridge.call("slow")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert bridge.call("find") == "find"


def test_an_interpreter_that_is_not_there_is_named_with_the_remedy():
    bridge = Bridge(Path("/no/such/python"), {"kind": "mlflow"})
    with pytest.raises(ModelRegistryRefused, match=r"/no/such/python cannot .*requirements-azureml.txt"):
        bridge.call("find")


def test_what_the_other_process_prints_as_a_log_goes_to_ours(scripted, caplog):
    caplog.set_level(logging.INFO)
    bridge = scripted(
        LOOP + "    print('loading', file=sys.stderr, flush=True)\n"
        "    print(json.dumps({'version': 1, 'value': None}), flush=True)\n"
    )
    bridge.call("find")
    deadline = time.monotonic() + LOG_LIMIT_S
    while "loading" not in caplog.messages and time.monotonic() < deadline:
        time.sleep(0.01)  # it comes by another pipe than the answer
    assert "loading" in caplog.messages


def test_airflows_secrets_stay_here_and_ours_are_no_arguments(scripted, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_X", "hunter2")
    source = LOOP + "    said = [dict(os.environ), open('/proc/self/cmdline').read()]\n"
    bridge = scripted(source + "    print(json.dumps({'version': 1, 'value': said}), flush=True)\n")
    environment, arguments = bridge.call("find")
    assert "AIRFLOW_CONN_X" not in environment
    assert "hunter2" not in str([*environment.values(), arguments])


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "NO_PROXY"])
def test_a_proxy_of_its_own_takes_the_place_of_our_environments(monkeypatch, name):
    monkeypatch.setenv(name, "elsewhere")
    assert client.little_of_ours()[name] == "elsewhere"
    ways = {
        key: value for key, value in client.little_of_ours("http://p:1").items() if "PROXY" in key.upper()
    }
    assert ways == {"HTTPS_PROXY": "http://p:1"}


def test_a_fault_of_the_other_end_is_told_and_it_goes_on(tmp_path):
    """The real server: an unknown call, then one to an MLflow that does not answer."""
    options = {"kind": "mlflow", "url": "http://127.0.0.1:9", "patience_s": 0}
    bridge = Bridge(Path(sys.executable), options)
    try:
        with pytest.raises(StepCrashed, match="no call 'drop_everything'"):
            bridge.call("drop_everything")
        with pytest.raises(ModelRegistryUnavailable, match="9 does not answer"):
            BridgedRegistry(bridge).find("m", "k")
    finally:
        bridge.close()
