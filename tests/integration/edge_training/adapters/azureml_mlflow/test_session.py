"""What MLflow's client does in a workspace of Azure Machine Learning, and what a workspace does not take."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests import bundles
from tests.standins.azureml.bridging import MLFLOW, bridge_to
from tests.standins.azureml.faults import Cut, Fault

from edge_runner.frames import Point
from edge_training.adapters.bridge.ports import BridgedLogArchive, BridgedRegistry, BridgedTrainingRuns
from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryUnavailable, RequestRejected

KEY = "5" * 64


@pytest.fixture
def kind() -> str:
    return MLFLOW


def test_a_version_leads_to_its_run_and_files(impatient, azureml, registration):
    version = impatient.register(registration)

    scope = f"/subscriptions/{azureml.workspace.subscription}/"
    assert f"(https://ml.azure.com/runs/{version.run_id}?wsid={scope}" in version.description
    assert version.source.startswith(azureml.workspace.tracking_uri)
    assert version.source.endswith(f"/experiments/{registration.name}/runs/{version.run_id}/artifacts/model")
    expected = {*bundles.FILES, "bundle.json", "card/card.html"}
    assert set(azureml.files_of_run(version.run_id)) == expected


def test_a_large_bundle_is_never_in_memory(azureml, site_settings, registration, tmp_path):
    """The other process, which holds MLflow's client, does all the work."""
    large = {**bundles.FILES, "model/model.pkl": bytes(256 * 2**20)}
    bundle = bundles.stored(tmp_path / "large", large)
    with bridge_to(azureml, site_settings, tmp_path, kind=MLFLOW) as bridge:
        registry = BridgedRegistry(bridge)
        version = registry.register(replace(registration, bundle=bundle))

        assert registry.fetch(version, tmp_path / "fetched").stat().st_size == bundle.stat().st_size
        assert peak_memory_bytes(newest_child()) < 200 * 2**20


def newest_child() -> int:
    """The process of the bridge that was started last."""
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
    return int(children[-1])


def peak_memory_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(peak) * 1024


def test_what_is_let_through_fits_into_a_run_with_all_that_we_add(
    impatient, impatient_bridge, registration, is_complete, tmp_path
):
    log_file = tmp_path / "train.log"
    log_file.write_bytes(b"one\n")
    full = replace(
        registration,
        metrics=[Metric(f"m{number}", 1.0) for number in range(50)],
        run_tags={f"t{number}": "x" for number in range(38)},
        params={f"p{number}": "x" for number in range(198)},
    )

    impatient.register(full)
    BridgedLogArchive(impatient_bridge).attach(full.name, KEY, log_file)

    assert is_complete(impatient, full)


def test_a_training_longer_than_one_request_is_shown_whole_and_each_point_once(
    azureml, impatient_bridge, name
):
    runs = BridgedTrainingRuns(impatient_bridge)
    run = runs.training_run(name, KEY, {"partition": "2013-02-01"})
    points = [Point(step, "mae", 1.0 * step, 1_700_000_000_000 + step) for step in range(600)]
    azureml.faults.clear()

    runs.log_points(run.run_id, points)
    runs.log_points(run.run_id, points[:1])
    runs.set_status(run.run_id, "FAILED")

    assert len(azureml.faults.asked("POST", "/runs/log-batch")) == 4
    again = runs.training_run(name, KEY, {})
    assert (again.run_id, again.status, again.is_registered) == (run.run_id, "FAILED", False)


def test_a_bad_point_is_told_from_a_silent_service(impatient_bridge, name):
    runs = BridgedTrainingRuns(impatient_bridge)
    run = runs.training_run(name, KEY, {})

    with pytest.raises(RequestRejected):
        runs.log_points(run.run_id, [Point(0, "m" * 256, 1.0, 1_700_000_000_000)])


def test_a_log_whose_sending_was_cut_is_sent_again_and_a_longer_one_replaces_it(
    azureml, impatient_bridge, name, tmp_path
):
    logs, log_file = BridgedLogArchive(impatient_bridge), tmp_path / "output.log"
    log_file.write_bytes(b"one\n")
    azureml.faults.add(Fault("PUT", "blob.core.windows.net", cut=Cut.BEFORE, times=4))
    with pytest.raises(ModelRegistryUnavailable):
        logs.attach(name, KEY, log_file)
    azureml.faults.clear()

    short = logs.attach(name, KEY, log_file)
    log_file.write_bytes(b"one\ntwo\n")
    long = logs.attach(name, KEY, log_file)
    log_file.write_bytes(b"one\n")

    assert logs.attach(name, KEY, log_file) == long != short
    run = BridgedTrainingRuns(impatient_bridge).training_run(name, KEY, {})
    assert azureml.files_of_run(run.run_id) == {"logs/output.log": 8}
