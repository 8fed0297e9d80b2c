"""The supervisor, on real processes of this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local_site.errors import PortTaken, StartFailed
from local_site.layout import Layout
from local_site.processes import ProcessSpec, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "time.sleep(60)",
]


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(Layout(tmp_path, tmp_path / "cache"))
    yield supervisor
    for name in supervisor.names():
        supervisor.stop(name, limit_s=1)


def spec(command=SLEEP, healthy=lambda: True, **settings) -> ProcessSpec:
    return ProcessSpec(name="part", command=command, healthy=healthy, **settings)


def running_pid(supervisor: Supervisor) -> int:
    process = supervisor.running("part")
    assert process is not None
    return process.pid


def test_a_second_start_keeps_the_running_process(supervisor):
    supervisor.ensure(spec())
    first = running_pid(supervisor)
    supervisor.ensure(spec())
    assert running_pid(supervisor) == first


def test_a_process_that_died_is_started_again(supervisor):
    supervisor.ensure(spec())
    first = supervisor.running("part")
    first.kill()
    first.wait(5)
    supervisor.ensure(spec())
    assert running_pid(supervisor) != first.pid


def test_a_process_with_another_command_is_replaced(supervisor):
    supervisor.ensure(spec())
    first = supervisor.running("part")
    supervisor.ensure(spec(command=[*SLEEP, "--changed"]))
    assert not first.is_running()
    assert running_pid(supervisor) != first.pid


def test_a_process_whose_configuration_changed_is_replaced(supervisor, tmp_path):
    config_file = tmp_path / "part.conf"
    config_file.write_text("first")
    supervisor.ensure(spec(configuration=(config_file,)))
    first = running_pid(supervisor)
    supervisor.ensure(spec(configuration=(config_file,)))
    assert running_pid(supervisor) == first
    config_file.write_text("second")
    supervisor.ensure(spec(configuration=(config_file,)))
    assert running_pid(supervisor) != first


def test_an_unhealthy_process_is_replaced(supervisor):
    health = [True]
    supervisor.ensure(spec(healthy=lambda: health[-1]))
    first = running_pid(supervisor)
    answers = iter([False, True])
    supervisor.ensure(spec(healthy=lambda: next(answers)))
    assert running_pid(supervisor) != first


def test_a_process_that_ends_is_reported_with_the_last_line_of_its_log(supervisor):
    command = [sys.executable, "-c", "print('first'); print('the reason'); raise SystemExit(3)"]
    with pytest.raises(
        StartFailed, match=r"part ended with exit code 3; its log .*part\.log ends with: the reason"
    ):
        supervisor.ensure(spec(command=command, healthy=lambda: False))


def test_a_process_that_is_late_is_ended(supervisor):
    with pytest.raises(StartFailed, match="was not healthy within 0 s"):
        supervisor.ensure(spec(healthy=lambda: False, start_limit_s=0.2))
    assert supervisor.running("part") is None


def test_a_port_in_use_is_named_together_with_the_setting(supervisor):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port}, which part needs.*EDGE_PORT_BASE"):
            supervisor.ensure(spec(ports=(port,)))


def test_stop_ends_children_too(supervisor):
    supervisor.ensure(spec(command=PARENT))
    parent = supervisor.running("part")
    while not parent.children():
        psutil.wait_procs([], timeout=0.05)
    (child,) = parent.children()
    supervisor.stop("part")
    assert not parent.is_running()
    assert not child.is_running()


def test_stop_ends_the_children_of_a_parent_that_died_before(supervisor):
    supervisor.ensure(spec(command=PARENT))
    parent = supervisor.running("part")
    while not parent.children():
        psutil.wait_procs([], timeout=0.05)
    (child,) = parent.children()
    parent.kill()
    parent.wait(5)
    assert child.is_running()
    supervisor.stop("part")
    assert not child.is_running()


def test_a_stranger_with_the_pid_on_record_is_never_touched(supervisor, tmp_path):
    with subprocess.Popen(SLEEP, start_new_session=True) as stranger:
        record = {"pid": stranger.pid, "started_at": psutil.boot_time() + 1, "command": SLEEP}
        record_file = Path(supervisor.layout.process_file("part"))
        record_file.parent.mkdir(parents=True)
        record_file.write_text(json.dumps(record))
        assert supervisor.running("part") is None
        supervisor.stop("part")
        assert stranger.poll() is None
        stranger.kill()
    assert not record_file.exists()


def test_a_log_is_readable_by_its_owner_only(supervisor):
    supervisor.ensure(spec())
    assert supervisor.layout.log_file("part").stat().st_mode & 0o077 == 0
