"""What Docker is told of a job, and what travels to it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace

from edge_runner import protocol
from edge_training.jobs import EdgeJob
from edge_training.ports.edge_host import Mount

IMAGE = f"registry.example/edge/training@sha256:{'1' * 64}"
JOB = EdgeJob(
    step="evaluate",
    key="ab" * 32,
    image=IMAGE,
    request={"script": "evaluate.py"},
    secrets={"sas": "top-secret"},
    code={"evaluate.py": b"pass", "lib/features.py": b""},
    inputs={"train": "edge-train-1", "snapshot": "edge-snapshot-1"},
    mounts=(Mount("edge-cache", "/edge/data", subpath="work/views/d"),),
    labels={"partition": "2013-02-01"},
)


def test_only_the_jobs_own_volume_is_writable_and_earlier_work_is_seen_by_name():
    spec = JOB.container()
    assert spec.name == f"edge-evaluate-{'ab' * 20}"
    assert [(m.volume, m.target, m.subpath, m.read_only) for m in spec.mounts] == [
        (spec.name, "/edge/job", "", False),
        ("edge-snapshot-1", "/edge/inputs/snapshot", "work", True),
        ("edge-train-1", "/edge/inputs/train", "work", True),
        ("edge-cache", "/edge/data", "work/views/d", True),
    ]


def test_a_job_has_no_network_unless_it_asks_for_the_store():
    assert JOB.container().storage is None


def test_nothing_secret_is_in_what_docker_is_told_or_in_the_repr():
    assert "top-secret" not in str(JOB.container())
    assert "top-secret" not in repr(JOB)


def unpacked(announced: bytes) -> tuple[dict, bytes]:
    header, _, content = announced.partition(b"\n")
    told = json.loads(header)
    assert told["length"] == len(content)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    return told, content


def test_the_payload_is_a_header_line_and_the_tar_it_announces():
    told, work = unpacked(JOB.payload())
    assert told["secrets"] is True
    with tarfile.open(fileobj=io.BytesIO(work)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}
        assert {member.mode for member in archive} == {0o600}
    assert files["model/lib/features.py"] == b""
    assert "edge_runner/__main__.py" in files
    assert not [name for name in files if "__pycache__" in name]
    assert json.loads(files["request.json"]) == {
        "protocol": protocol.PROTOCOL,
        "step": "evaluate",
        "request": {"script": "evaluate.py"},
    }


def test_secrets_travel_apart_from_what_stays_on_the_site():
    assert b"top-secret" not in JOB.payload()
    assert json.loads(unpacked(JOB.message())[1]) == {"sas": "top-secret"}
    assert JOB.container().reads_input


def test_a_job_without_secrets_waits_for_no_input():
    plain = replace(JOB, secrets={})
    assert plain.message() == b""
    assert unpacked(plain.payload())[0]["secrets"] is False
    assert not plain.container().reads_input
