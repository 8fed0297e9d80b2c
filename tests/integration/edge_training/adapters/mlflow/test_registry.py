"""The MLflow adapter under faults, on a real server."""

from __future__ import annotations

import os
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import bundles
from tests.mlflow_faults import Crash, FaultySession, crash

from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.model_registry import ModelVersion, Registration

KEY = "5" * 64
OUTAGE_S = 10
PATIENCE_S = 300
"""More than a task has, for a busy machine may need a minute to start the server again."""


@pytest.fixture
def registration(tmp_path) -> Registration:
    return Registration(
        name=f"faults-{uuid.uuid4().hex[:12]}",
        training_key=KEY,
        bundle=bundles.stored(tmp_path / "store"),
        tags={"partition": "2013-02-01", "data_digest": "d" * 64},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2)],
        params={"window_days": "14"},
    )


def versions_on(url: str, name: str) -> list[dict[str, Any]]:
    """All versions of a model, as the server's own API tells them."""
    found = httpx.get(
        f"{url}/api/2.0/mlflow/model-versions/search", params={"filter": f"name='{name}'"}, trust_env=False
    )
    return found.raise_for_status().json().get("model_versions", [])


def assert_one_complete_version(url: str, registration: Registration, tmp_path: Path) -> ModelVersion:
    """Exactly one version, with everything that belongs to it."""
    assert len(versions_on(url, registration.name)) == 1
    registry = MlflowRegistry(MlflowSession(url))
    version = registry.find(registration.name, KEY)
    assert version is not None
    assert version.tags.items() >= {**registration.tags, "state": "registered"}.items()
    fetched = registry.fetch(version, tmp_path / "fetched")
    assert fetched.read_bytes() == registration.bundle.read_bytes()
    return version


def curve_of(url: str, version: ModelVersion) -> list[tuple[int, float]]:
    """The points of the metric `mae`, as the server's own API tells them."""
    query = {"run_id": version.run_id, "metric_key": "mae"}
    answer = httpx.get(f"{url}/api/2.0/mlflow/metrics/get-history", params=query, trust_env=False)
    return sorted((point["step"], point["value"]) for point in answer.json()["metrics"])


def test_a_crash_before_any_call_is_repaired_by_the_next_try(site, registration, tmp_path):
    """Every try dies one call later than the one before, until one comes through."""
    tries = 0
    while True:
        session = FaultySession(site.mlflow_url, tries, crash)
        assert all("state" not in tags_of(found) for found in versions_on(site.mlflow_url, registration.name))
        try:
            MlflowRegistry(session).register(registration)
            break
        except Crash:
            tries += 1

    assert tries > 4
    assert_one_complete_version(site.mlflow_url, registration, tmp_path)


def tags_of(found: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in found.get("tags", [])}


def test_what_the_script_logged_itself_is_in_the_run_and_never_passes_for_ours(site, registration):
    own = replace(
        registration,
        params={**registration.params, "elected_run": "me", "alpha": "0.25"},
        run_tags={"team": "blue", "state": "registered", "training_key": "another"},
    )

    version = MlflowRegistry(MlflowSession(site.mlflow_url)).register(own)

    run = httpx.get(
        f"{site.mlflow_url}/api/2.0/mlflow/runs/get", params={"run_id": version.run_id}, trust_env=False
    ).json()["run"]["data"]
    params = {found["key"]: found["value"] for found in run["params"]}
    own = {"elected_run": version.run_id, "bundle_digest": registration.bundle.stem}
    assert params == {**own, "alpha": "0.25", "window_days": "14"}
    tags = {found["key"]: found["value"] for found in run["tags"]}
    assert tags.items() >= {"team": "blue", "state": "registered", "training_key": KEY}.items()
    assert "team" not in version.tags


def test_a_crash_while_a_verdict_changes_leaves_a_version_that_is_unfinished_or_has_one_of_both(
    site, registration, tmp_path
):
    """Every try dies one call later than the one before; never do state and verdict contradict each other."""
    refused = replace(registration, state="rejected", tags={**registration.tags, "verdict": "mae is 70"})
    accepted = replace(registration, tags={**registration.tags, "verdict": "passed"})
    MlflowRegistry(MlflowSession(site.mlflow_url)).register(refused)
    tries = 0
    while True:
        try:
            MlflowRegistry(FaultySession(site.mlflow_url, tries, crash)).register(accepted)
            break
        except Crash:
            tries += 1
        (found,) = versions_on(site.mlflow_url, registration.name)
        tags = tags_of(found)
        assert (tags.get("state"), tags["verdict"]) in (
            ("rejected", "mae is 70"),
            (None, "mae is 70"),
            (None, "passed"),
            ("registered", "passed"),
        )

    assert tries > 4
    assert assert_one_complete_version(site.mlflow_url, registration, tmp_path).tags["verdict"] == "passed"


@pytest.mark.parametrize("number", [5, 9, 13])
def test_one_crash_leaves_nothing_that_a_second_try_does_not_complete(site, registration, tmp_path, number):
    with pytest.raises(Crash):
        MlflowRegistry(FaultySession(site.mlflow_url, number, crash)).register(registration)
    assert MlflowRegistry(MlflowSession(site.mlflow_url)).find(registration.name, KEY) is None

    MlflowRegistry(MlflowSession(site.mlflow_url)).register(registration)

    version = assert_one_complete_version(site.mlflow_url, registration, tmp_path)
    assert curve_of(site.mlflow_url, version) == [(1, 9.0), (2, 7.5)]


def test_a_crash_after_the_files_keeps_them_when_the_next_try_brings_others(site, registration, tmp_path):
    """A model that is saved again has other bytes; the version must name those that MLflow holds."""
    others = {**bundles.FILES, "model/model.pkl": b"saved again"}
    again = replace(registration, bundle=bundles.stored(tmp_path / "again", others))

    with pytest.raises(Crash):
        MlflowRegistry(FaultySession(site.mlflow_url, "create_model_version", crash)).register(registration)
    MlflowRegistry(MlflowSession(site.mlflow_url)).register(again)

    assert_one_complete_version(site.mlflow_url, registration, tmp_path)


def test_a_server_that_lets_clients_write_to_its_store_themselves_has_the_same_version(
    writing_server, registration, tmp_path
):
    MlflowRegistry(MlflowSession(writing_server.url)).register(registration)

    assert_one_complete_version(writing_server.url, registration, tmp_path)


def test_a_curve_longer_than_one_request_and_an_empty_file_arrive_whole(site, registration, tmp_path):
    curve = [Metric("mae", float(step), step) for step in range(1700)]
    files = {**bundles.FILES, "metrics.jsonl": b""}
    registration = replace(registration, metrics=curve, bundle=bundles.stored(tmp_path / "b", files))

    MlflowRegistry(MlflowSession(site.mlflow_url)).register(registration)

    version = assert_one_complete_version(site.mlflow_url, registration, tmp_path)
    assert [value for _, value in curve_of(site.mlflow_url, version)] == [point.value for point in curve]


@pytest.mark.parametrize("number", range(0, 12))
def test_a_writer_that_comes_between_any_two_calls_ends_in_the_same_version(
    site, registration, tmp_path, number
):
    other = MlflowRegistry(MlflowSession(site.mlflow_url))
    session = FaultySession(site.mlflow_url, number, lambda: other.register(registration))

    version = MlflowRegistry(session).register(registration)

    assert len(session.calls) > number
    assert assert_one_complete_version(site.mlflow_url, registration, tmp_path) == version


def test_a_server_that_is_down_in_the_middle_is_waited_for(own_server, registration, tmp_path):
    """Down for ten seconds and for the time of its start."""
    restarted = threading.Event()

    def outage() -> None:
        own_server.stop()
        threading.Timer(OUTAGE_S, lambda: (own_server.start(), restarted.set())).start()

    session = FaultySession(own_server.url, 9, outage, patience_s=PATIENCE_S)
    MlflowRegistry(session).register(registration)

    assert restarted.wait(1)
    assert_one_complete_version(own_server.url, registration, tmp_path)


def test_without_an_answer_patience_ends_with_a_sentence(free_port, registration):
    registry = MlflowRegistry(MlflowSession(f"http://127.0.0.1:{free_port}", patience_s=2))

    with pytest.raises(ModelRegistryUnavailable, match=r"does not answer .* start it"):
        registry.register(registration)


def test_a_name_that_mlflow_refuses_leaves_nothing_behind(site, registration):
    registry = MlflowRegistry(MlflowSession(site.mlflow_url))

    with pytest.raises(ModelRegistryRefused, match="correct the name"):
        registry.register(Registration("a/b", KEY, registration.bundle))


def test_neither_certificates_of_the_environment_nor_ours_get_in_each_others_way(
    site, registration, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "somebody else's")

    MlflowRegistry(MlflowSession(site.mlflow_url)).register(registration)

    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "somebody else's"
