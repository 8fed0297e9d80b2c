"""Raw logs on a real MLflow server: large ones, and faults on the way."""

from __future__ import annotations

import hashlib
import random
import uuid
from pathlib import Path

import pytest
from tests.faults import cutting_proxy
from tests.mlflow_runs import runs_on
from tests.standins.troubled_proxy import troubled_proxy

from edge_training.adapters.mlflow.logs import MlflowLogArchive
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.adapters.run_layout import digest_of_file
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable

KEY = "5" * 64
LARGE_BYTES = 100 * 2**20


@pytest.fixture
def name() -> str:
    """A model nobody else uses."""
    return f"logs-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def log_file(tmp_path) -> Path:
    """A log of a megabyte that no compression makes small."""
    file = tmp_path / "output.log"
    file.write_bytes(random.Random(1).randbytes(2**20))
    return file


def url_of(address: tuple[str, int]) -> str:
    return "http://{}:{}".format(*address)


def held(url: str, name: str, directory: Path) -> str:
    """SHA-256 of the log that the training's only run holds."""
    [run] = runs_on(url, name, KEY)
    directory.mkdir()
    copy = MlflowSession(url).call(
        lambda client: client.download_artifacts(run.run_id, "logs/output.log", str(directory))
    )
    return digest_of_file(Path(copy))


def test_a_log_of_100_mb_arrives_whole(site, name, log_file, tmp_path):
    with log_file.open("wb") as file:
        file.write(random.Random(2).randbytes(2**20) * (LARGE_BYTES // 2**20))
    digest = hashlib.sha256(log_file.read_bytes()).hexdigest()

    assert MlflowLogArchive(MlflowSession(site.mlflow_url)).attach(name, KEY, log_file) == digest

    assert held(site.mlflow_url, name, tmp_path / "copy") == digest
    assert list(tmp_path.glob(".read-back-*")) == []


def test_a_log_that_is_there_is_not_sent_again(mlflow_address, name, log_file):
    MlflowLogArchive(MlflowSession(url_of(mlflow_address))).attach(name, KEY, log_file)

    with cutting_proxy(mlflow_address, after_bytes=2**18, cuts=1) as proxy:
        archive = MlflowLogArchive(MlflowSession(f"http://{proxy.address}", patience_s=0))
        assert archive.attach(name, KEY, log_file) == digest_of_file(log_file)
        assert proxy.cuts == 1


def test_an_upload_that_is_cut_half_way_is_repeated(mlflow_address, name, log_file, tmp_path):
    with cutting_proxy(mlflow_address, after_bytes=2**18, cuts=1) as proxy:
        digest = MlflowLogArchive(MlflowSession(f"http://{proxy.address}")).attach(name, KEY, log_file)
        assert proxy.cuts == 0

    assert digest == digest_of_file(log_file) == held(url_of(mlflow_address), name, tmp_path / "copy")


def test_another_log_of_the_same_length_replaces_the_one_that_is_there(site, name, log_file, tmp_path):
    archive = MlflowLogArchive(MlflowSession(site.mlflow_url))
    archive.attach(name, KEY, log_file)
    log_file.write_bytes(log_file.read_bytes()[::-1])

    assert archive.attach(name, KEY, log_file) == digest_of_file(log_file)

    assert held(site.mlflow_url, name, tmp_path / "copy") == digest_of_file(log_file)


def test_a_log_without_a_digest_was_left_by_a_crash_and_is_sent_again(site, name, log_file, tmp_path):
    session = MlflowSession(site.mlflow_url)
    torn = tmp_path / "torn" / "output.log"
    torn.parent.mkdir()
    torn.write_bytes(b"x" * 2**21)
    MlflowLogArchive(session).attach(name, KEY, torn)
    [run] = runs_on(site.mlflow_url, name, KEY)
    session.call(lambda client: client.delete_tag(run.run_id, "log_sha256/output.log"))

    MlflowLogArchive(session).attach(name, KEY, log_file)

    assert held(site.mlflow_url, name, tmp_path / "copy") == digest_of_file(log_file)


def test_a_server_in_trouble_is_waited_for(site, name, log_file):
    with troubled_proxy(site.mlflow_url, (500, b"oops"), (503, b"")) as proxy:
        MlflowLogArchive(MlflowSession(proxy.url)).attach(name, KEY, log_file)
    assert proxy.turned_away == 2


def test_without_an_answer_patience_ends_with_a_sentence(free_port, name, log_file):
    archive = MlflowLogArchive(MlflowSession(f"http://127.0.0.1:{free_port}", patience_s=0))

    with pytest.raises(ModelRegistryUnavailable, match=r"does not answer .* start it"):
        archive.attach(name, KEY, log_file)


def test_a_wrong_login_ends_with_a_sentence(site, name, log_file):
    with troubled_proxy(site.mlflow_url, login=("edge", "secret")) as proxy:
        archive = MlflowLogArchive(MlflowSession(proxy.url, user="edge", password="wrong"))
        with pytest.raises(ModelRegistryRefused, match="correct login and password"):
            archive.attach(name, KEY, log_file)
