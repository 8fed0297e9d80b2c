"""What the daemon is asked for: the sandbox, field by field; and what it says, in our words."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from edge_training.adapters.docker import config as docker_config
from edge_training.ports.edge_host import ContainerSpec, Limits, LogLine, Mount, ServiceSpec

LIMITS = Limits(cpus=1.5, memory_bytes=2**30, pids=99, shared_memory_bytes=2**20, scratch_bytes=2**21)
PART = Mount("edge-cache", "/edge/data", subpath="work/views/d")
SPEC = ContainerSpec(
    name="edge-train-1",
    image="runtime@sha256:1",
    command=("python3", "-c", "pass"),
    mounts=(Mount("edge-train-1", "/edge/job", read_only=False), PART),
    limits=LIMITS,
    labels={"edge-training.step": "train"},
)
SERVICE = ServiceSpec("edge-service-delay", "serving@sha256:2", 8080, 17890, limits=LIMITS)


def job_config(spec: ContainerSpec = SPEC, network: str = "none") -> dict:
    return docker_config.job_config(spec, {PART: "/var/lib/docker/volumes/c/_data/work/views/d"}, network, [])


@pytest.mark.parametrize("config", [job_config(), docker_config.service_config(SERVICE)])
def test_no_container_of_ours_may_do_more_than_its_work(config):
    host = config["HostConfig"]
    assert config["User"] == "65532:65532"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["NanoCpus"] == 1_500_000_000
    assert host["Memory"] == host["MemorySwap"] == 2**30
    assert host["PidsLimit"] == 99
    assert host["ShmSize"] == 2**20
    assert "Privileged" not in host
    assert "Binds" not in host
    assert f"size={2**21}" in host["Tmpfs"]["/tmp"]


def test_the_log_of_a_service_is_bounded_and_that_of_a_job_is_whole():
    service = docker_config.service_config(SERVICE)["HostConfig"]["LogConfig"]
    assert service == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert job_config()["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {}}


def test_a_job_has_no_network_unless_one_is_named():
    assert job_config()["HostConfig"]["NetworkMode"] == "none"
    assert job_config(network="edge-storage")["HostConfig"]["NetworkMode"] == "edge-storage"


@pytest.mark.parametrize("reads_input", [True, False])
def test_a_job_reads_its_secrets_from_standard_input_once(reads_input):
    config = job_config(replace(SPEC, reads_input=reads_input))
    assert {config[name] for name in ("OpenStdin", "AttachStdin", "StdinOnce")} == {reads_input}
    assert config["Entrypoint"] == []
    assert config["Cmd"] == ["python3", "-c", "pass"]


def test_code_lives_in_memory_where_nothing_can_be_executed_from_by_others():
    options = job_config()["HostConfig"]["Tmpfs"]["/edge/code"].split(",")
    assert {"noexec", "nosuid", "nodev", "mode=0700", "uid=65532", "gid=65532"} <= set(options)


def test_a_part_of_a_volume_is_bound_from_its_directory_and_read_only():
    whole, part = job_config()["HostConfig"]["Mounts"]
    assert whole == {
        "Type": "volume",
        "Source": "edge-train-1",
        "Target": "/edge/job",
        "ReadOnly": False,
        "VolumeOptions": {"Labels": {"edge-training.role": "job-volume"}, "NoCopy": True},
    }
    assert part == {
        "Type": "bind",
        "Source": "/var/lib/docker/volumes/c/_data/work/views/d",
        "Target": "/edge/data",
        "ReadOnly": True,
    }


def test_devices_are_asked_for_only_when_named():
    assert "DeviceRequests" not in job_config()["HostConfig"]
    spec = replace(SPEC, limits=replace(LIMITS, gpu_ids=("GPU-0", "GPU-1")))
    assert job_config(spec)["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["GPU-0", "GPU-1"]


@pytest.mark.parametrize(("asked", "bound"), [(17890, "17890"), (0, "")])
def test_a_service_is_published_on_loopback_only(asked, bound):
    config = docker_config.service_config(replace(SERVICE, host_port=asked))
    assert config["HostConfig"]["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": bound}]}
    assert config["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped"}


def shown(**state) -> dict:
    return {
        "Id": "4f1c",
        "Name": "/edge-train-1",
        "State": {"Status": "exited", "ExitCode": 0, "OOMKilled": False, **state},
        "Config": {"Image": "runtime@sha256:1", "Labels": None},
        "HostConfig": {"Memory": 2**30},
        "NetworkSettings": {"Ports": {}},
    }


@pytest.mark.parametrize(
    ("docker", "ours"),
    [
        ("created", "created"),
        ("running", "running"),
        ("paused", "running"),
        ("restarting", "running"),
        ("exited", "exited"),
        ("dead", "dead"),
        ("removing", "dead"),
        ("unheard", "dead"),
    ],
)
def test_every_state_of_docker_is_one_of_ours(docker, ours):
    assert docker_config.container_state(shown(Status=docker)).status == ours


def test_a_published_port_is_found_where_docker_chose_it():
    answer = shown()
    assert docker_config.container_state(answer).host_port is None
    answer["NetworkSettings"]["Ports"] = {
        "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}],
        "9/tcp": None,
    }
    assert docker_config.container_state(answer).host_port == 49153


def test_exit_code_and_out_of_memory_are_told():
    state = docker_config.container_state(shown(ExitCode=137, OOMKilled=True))
    assert (state.exit_code, state.out_of_memory, state.labels) == (137, True, {})


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-23T18:51:54.000000001Z", "1795459914.000000001"),
        ("2026-11-23T18:51:54.9Z", "1795459914.9"),
        ("1970-01-01T00:00:00Z", "0.0"),
    ],
)
def test_a_stamp_becomes_the_seconds_that_docker_takes_to_the_nanosecond(stamp, seconds):
    assert docker_config.unix_time(stamp) == seconds


def joined(*pieces: str) -> list[LogLine]:
    lines = docker_config.WholeLines()
    return [line for piece in pieces for line in lines.add(piece)] + list(lines.rest())


def test_lines_are_split_from_their_stamps():
    assert joined("t1 one two\n", "t2 \n") == [LogLine("t1", "one two"), LogLine("t2", "")]


def test_the_pieces_of_a_long_line_are_joined():
    assert joined("t1 aaa", "t1 bbb", "t1 c\n", "t2 d\n") == [LogLine("t1", "aaabbbc"), LogLine("t2", "d")]


def test_a_last_line_without_an_end_is_not_lost():
    assert joined("t1 a\n", "t2 b") == [LogLine("t1", "a"), LogLine("t2", "b")]


def test_a_line_without_end_does_not_fill_the_memory():
    piece = "x" * (docker_config.LONGEST_LINE_CHARS // 2)
    assert [len(line.text) for line in joined(f"t {piece}", f"t {piece}", "t y")] == [2 * len(piece), 1]


def test_the_work_directory_is_the_only_thing_the_jobs_user_owns():
    with tarfile.open(fileobj=io.BytesIO(docker_config.work_directory())) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.isdir(), member.uid, member.mode) == ("work", True, 65532, 0o755)
    with tarfile.open(fileobj=io.BytesIO(docker_config.file_tar("owner.json", b"{}"))) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.uid, member.mode) == ("owner.json", 0, 0o644)
        assert archive.extractfile(member).read() == b"{}"
