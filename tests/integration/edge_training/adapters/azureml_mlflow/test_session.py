"""MLflow's adapters register a training once in Azure Machine Learning, whatever is cut, lost or done by
others at the same time, and say what a workspace does not take.
"""

from __future__ import annotations

import os
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import bundles
from tests.standins.azureml import faults
from tests.standins.azureml.bridging import MLFLOW, bridge_to
from tests.standins.azureml.faults import Cut, Fault
from tests.standins.azureml.interpreter import running_mlflow
from tests.standins.azureml.server import AzureMl, running_azureml

from edge_runner.frames import Point
from edge_training.adapters.bridge.client import Bridge
from edge_training.adapters.bridge.ports import (
    BridgedLogArchive,
    BridgedRegistry,
    BridgedTrainingRuns,
    BridgedValidationArchive,
)
from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable, RequestRejected
from edge_training.ports.model_registry import ModelRegistry, Registration
from edge_training.ports.validations import Validation

KEY = "5" * 64
CREATE = ("POST", "/model-versions/create$")
BLOB = ("PUT", "blob.core.windows.net")
REPEATED = 3
"""How often azure-storage-blob sends a request; nobody else repeats one."""


@pytest.fixture(scope="module")
def standin(site_settings, tmp_path_factory) -> Iterator[AzureMl]:
    with (
        running_mlflow(site_settings, tmp_path_factory.mktemp("mlflow")) as url,
        running_azureml(tmp_path_factory.mktemp("azureml"), mlflow_url=url) as standin,
    ):
        yield standin


@pytest.fixture
def azureml(standin) -> AzureMl:
    """A workspace where nothing goes wrong."""
    standin.faults.clear()
    return standin


@pytest.fixture(scope="module")
def impatient_bridge(standin, site_settings, tmp_path_factory) -> Iterator[Bridge]:
    home = tmp_path_factory.mktemp("impatient")
    with bridge_to(standin, site_settings, home, kind=MLFLOW, patience_s=0) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def patient_bridge(standin, site_settings, tmp_path_factory) -> Iterator[Bridge]:
    with bridge_to(standin, site_settings, tmp_path_factory.mktemp("patient"), kind=MLFLOW) as bridge:
        yield bridge


@pytest.fixture
def impatient(impatient_bridge) -> ModelRegistry:
    """A registry that waits for nothing: what is cut ends its call."""
    return BridgedRegistry(impatient_bridge)


@pytest.fixture
def patient(patient_bridge) -> ModelRegistry:
    """A registry as it is used."""
    return BridgedRegistry(patient_bridge)


@pytest.fixture
def name() -> str:
    """A name that no other test has used: the server behind the stand-in serves them all."""
    return f"azureml-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def registration(tmp_path, name) -> Registration:
    return Registration(
        name=name,
        training_key=KEY,
        bundle=bundles.stored(tmp_path / "store"),
        tags={"partition": "2013-02-01", "gates": "g" * 1500},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("holdout/mae", 7.9)],
        params={"window_days": "14"},
        run_tags={"autologged": "yes"},
        attachments={"card/card.html": b"<p>card</p>"},
        description="for a test",
        card="card/card.html",
    )


def is_complete(registry: ModelRegistry, registration: Registration, store: Path) -> bool:
    """Whether there is one version, of which nothing is missing."""
    (only,) = registry.search(registration.name)
    assert registry.find(registration.name, registration.training_key) == only
    assert only.tags.items() >= {**registration.tags, "state": registration.state}.items()
    assert registry.attached(only, "card/card.html") == registration.attachments["card/card.html"]
    return registry.fetch(only, store).read_bytes() == registration.bundle.read_bytes()


def test_a_version_leads_to_its_run_and_files(impatient, azureml, registration):
    version = impatient.register(registration)

    scope = f"/subscriptions/{azureml.workspace.subscription}/"
    assert f"(https://ml.azure.com/runs/{version.run_id}?wsid={scope}" in version.description
    assert version.source.startswith(azureml.workspace.tracking_uri)
    assert version.source.endswith(f"/experiments/{registration.name}/runs/{version.run_id}/artifacts/model")
    expected = {*bundles.FILES, "bundle.json", "card/card.html"}
    assert set(azureml.files_of_run(version.run_id)) == expected


@pytest.mark.parametrize("moment", Cut)
def test_a_crash_at_any_request_is_repaired_by_the_next_try(
    azureml, impatient, registration, tmp_path, moment
):
    """Every try ends one request later than the one before, until one comes through."""
    small = replace(
        registration, bundle=bundles.stored(tmp_path / "small", {"model/MLmodel": b"flavors: {}"})
    )
    impatient.search(small.name)  # logs in
    tries = 0
    while True:
        azureml.faults.clear()
        azureml.faults.add(Fault("*", ".", cut=moment, skip=tries, times=REPEATED))
        try:
            impatient.register(small)
            break
        except ModelRegistryUnavailable:
            tries += 1
        azureml.faults.clear()
        unfinished = impatient.find(small.name, KEY)
        assert unfinished is None or is_complete(impatient, small, tmp_path / "early")

    azureml.faults.clear()
    assert tries > 15
    assert is_complete(impatient, small, tmp_path / "fetched")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(*CREATE, cut=Cut.AFTER),
        Fault("POST", "/runs/create$", cut=Cut.AFTER),
        Fault("POST", "/runs/log-batch$", cut=Cut.AFTER),
        Fault("POST", "/experiments/create$", cut=Cut.AFTER),
        Fault("POST", "/registered-models/create$", cut=Cut.AFTER),
        Fault("POST", "/batch/metadata", cut=Cut.AFTER),
        Fault(*BLOB, cut=Cut.AFTER),
        Fault(*CREATE, refusal=faults.too_many_requests(1)),
        Fault(*CREATE, refusal=faults.UNAVAILABLE),
        Fault(*BLOB, refusal=faults.UNAVAILABLE),
    ],
    ids=lambda fault: f"{fault.method} {fault.url} {fault.cut or fault.refusal.code}",
)
def test_an_answer_that_is_lost_makes_nothing_twice(azureml, patient, registration, tmp_path, fault):
    azureml.faults.add(replace(fault))

    patient.register(registration)

    assert is_complete(patient, registration, tmp_path / "fetched")


def test_a_writer_that_finds_the_version_of_another_deletes_its_own(azureml, impatient, registration):
    """The other one writes between our look and our registration: its look is answered with nothing."""
    first = impatient.register(registration)
    azureml.faults.add(Fault("GET", "/model-versions/search", answer={}))

    assert impatient.register(registration) == first
    assert len(azureml.faults.asked("DELETE", "/model-versions/delete")) == 1
    assert impatient.search(registration.name) == [first]


@pytest.mark.parametrize(("moment", "champion"), [(Cut.BEFORE, "1"), (Cut.AFTER, "2")])
def test_there_is_one_champion_however_a_promotion_ends(azureml, impatient, registration, moment, champion):
    first = impatient.register(registration)
    second = impatient.register(replace(registration, training_key="6" * 64))
    impatient.promote(first)
    azureml.faults.add(Fault("POST", "/set-experiment-tag", cut=moment))

    with pytest.raises(ModelRegistryUnavailable):
        impatient.promote(second)

    assert impatient.champion(registration.name).version == champion


@pytest.mark.parametrize("path", ["model/a b.bin", "model/100%.bin", "model/a+b#c?.bin", "model/\u00e4.bin"])
def test_a_file_may_have_any_name(impatient, registration, tmp_path, path):
    bundle = bundles.stored(tmp_path / "named", {**bundles.FILES, path: b"content", "model/empty": b""})

    version = impatient.register(replace(registration, bundle=bundle))

    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()


def test_a_file_of_many_blocks_comes_back_byte_for_byte(impatient, registration, tmp_path):
    large = {**bundles.FILES, "model/model.pkl": bytes(range(256)) * (20 * 2**20 // 256) + b"end"}
    bundle = bundles.stored(tmp_path / "large", large)

    version = impatient.register(replace(registration, bundle=bundle))

    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()


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


@pytest.mark.parametrize(
    ("refusal", "kind", "said"),
    [
        (faults.EXPIRED_TOKEN, ModelRegistryRefused, "ExpiredAuthenticationToken.*renew its secret"),
        (faults.QUOTA_EXCEEDED, ModelRegistryRefused, "A quota of .*have the quota raised"),
        (faults.INTERNAL_ERROR, ModelRegistryUnavailable, "500 error responses"),
        (faults.too_many_requests(30), ModelRegistryUnavailable, "429 error responses"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_what_goes_wrong_has_a_name_and_a_remedy(azureml, impatient, registration, refusal, kind, said):
    azureml.faults.add(Fault("POST", "/mlflow/", refusal=refusal))

    with pytest.raises(kind, match=said):
        impatient.register(registration)
    assert len(azureml.faults.asked("POST", "/mlflow/")) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "flight.delay"}, "no name for a model in Azure Machine Learning"),
        ({"metrics": [Metric(f"m{number}", 1.0) for number in range(51)]}, "51 names of metrics"),
        ({"run_tags": {f"t{number}": "x" for number in range(39)}}, "41 tags, .* room for 40; log fewer"),
        ({"params": {f"p{number}": "x" for number in range(200)}}, "200 parameters, .* room for 198"),
        ({"run_tags": {"k" * 101: "x"}}, "takes 1 to 100; shorten it"),
        ({"params": {"depth?": "1"}}, "has a name that MLflow does not take"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_what_the_workspace_would_refuse_is_said_before_anything_is_written(
    azureml, impatient, registration, changes, said
):
    impatient.search(registration.name)
    azureml.faults.clear()

    with pytest.raises(ModelRegistryRefused, match=said):
        impatient.register(replace(registration, **changes))
    assert azureml.faults.calls == []


def test_what_is_let_through_fits_into_a_run_with_all_that_we_add(
    impatient, impatient_bridge, registration, tmp_path
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

    assert is_complete(impatient, full, tmp_path / "fetched")


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
    azureml.faults.add(Fault(*BLOB, cut=Cut.BEFORE, times=4))
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


def test_a_check_whose_keeping_was_cut_is_completed(azureml, impatient_bridge, name):
    files = {"report.json": b'{"rows": 3}', "report.html": b"<p>"}
    validation = Validation(name, "edge-validate-1", "2013-02-01", True, files)
    archive = BridgedValidationArchive(impatient_bridge)
    azureml.faults.add(Fault(*BLOB, cut=Cut.BEFORE, skip=1, times=4))
    with pytest.raises(ModelRegistryUnavailable):
        archive.keep(validation)
    azureml.faults.clear()

    kept = archive.keep(validation)

    assert archive.fetch(kept.run_id, kept.files) == files
    assert archive.keep(validation) == kept
