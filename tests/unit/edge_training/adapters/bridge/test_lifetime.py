"""No process of a bridge outlives what it was started for, however that ends."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest
from tests.unit.edge_training.adapters.bridge.conftest import TELL_PID

from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.shared import Far, shared_bridge

REGISTRY = {"kind": "mlflow"}
FAR = """
import os, sys, time
from edge_training.adapters.bridge.server import serve

def never_opened():
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(600)

serve({"never": never_opened})
"""
TASK = """
import logging, os, sys
from edge_training.adapters.bridge.client import Bridge

logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
Bridge(sys.executable, {"kind": "never"}, "far", os.environ).call("registry.find")
"""


def test_it_ends_when_the_bridge_is_closed(scripted):
    bridge = scripted(TELL_PID)
    pid = bridge.call("find")
    bridge.close()
    assert not psutil.pid_exists(pid)
    bridge.close()


def test_it_ends_when_nobody_knows_the_bridge_any_more(interpreter):
    bridge = Bridge(interpreter(TELL_PID), REGISTRY)
    pid = bridge.call("find")
    del bridge
    gc.collect()
    assert not psutil.pid_exists(pid)


def test_it_ends_with_our_process(interpreter):
    """A process that ends well without a word to its bridge."""
    source = (
        "import sys; from edge_training.adapters.bridge.client import Bridge; "
        "bridge = Bridge(sys.argv[1], {'kind': 'mlflow'}); print(bridge.call('find'))"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", source, interpreter(TELL_PID)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(ended.stdout))


def test_it_ends_within_a_call_when_our_process_is_killed(tmp_path):
    (tmp_path / "far.py").write_text(FAR)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", TASK], env=environment, stdout=subprocess.PIPE) as task:
        far = psutil.Process(int(task.stdout.readline()))
        task.kill()
    psutil.wait_procs([far], timeout=60)
    assert not far.is_running()


def test_whoever_means_the_same_registry_shares_its_process(interpreter):
    far = Far(interpreter(TELL_PID), REGISTRY, {"PATH": os.environ["PATH"]})
    first, second = shared_bridge("a", far), shared_bridge("a", replace(far))
    assert first.call("find") == second.call("find")
    first.close()


@pytest.mark.parametrize("change", [{"registry": {"kind": "other"}}, {"environment": {"HTTPS_PROXY": "p"}}])
def test_a_connection_that_has_changed_has_another_process_and_the_old_one_ends(interpreter, change):
    far = Far(interpreter(TELL_PID), REGISTRY, {})
    in_use = shared_bridge("b", far)
    old = in_use.call("find")
    new_bridge = shared_bridge("b", replace(far, **change))
    new = new_bridge.call("find")
    assert in_use.call("find") == old != new
    del in_use
    gc.collect()
    assert not psutil.pid_exists(old)
    new_bridge.close()


def test_purposes_of_one_connection_do_not_wait_for_each_other(interpreter):
    far = Far(interpreter(TELL_PID), REGISTRY, {})
    bridges = [shared_bridge(name, far) for name in ("c", "c/live")]
    assert len({bridge.call("find") for bridge in bridges}) == len(bridges)
    for bridge in bridges:
        bridge.close()
