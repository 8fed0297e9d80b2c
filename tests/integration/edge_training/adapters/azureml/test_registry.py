"""azureml-core registers a training once, whatever is cut, lost or done by others at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests import bundles
from tests.standins.azureml import faults
from tests.standins.azureml.bridging import bridged
from tests.standins.azureml.faults import Call, Cut, Fault
from tests.standins.azureml.reading import SeenWorkspace
from tests.standins.azureml.server import AzureMl

from edge_training.bundle import Metric
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.model_registry import ModelRegistry, Registration

KEY = "5" * 64
NAME = "flight-delay"
REGISTER = ("POST", "/modelmanagement/.*/models$")
SEARCH = ("GET", "/modelmanagement/.*/models")
MODEL = bundles.FILES | {
    "model/MLmodel": b"flavors:\n  python_function: {}\n  sklearn: {sklearn_version: 1.7.2}\n"
}


@pytest.fixture(scope="module")
def impatient(azureml_standin, site_settings, tmp_path_factory) -> Iterator[ModelRegistry]:
    """A registry that waits for nothing: what is cut ends its call."""
    home = tmp_path_factory.mktemp("impatient")
    with bridged(azureml_standin, site_settings, home, patience_s=0) as registry:
        yield registry


@pytest.fixture(scope="module")
def patient(azureml_standin, site_settings, tmp_path_factory) -> Iterator[ModelRegistry]:
    """A registry as it is used."""
    with bridged(azureml_standin, site_settings, tmp_path_factory.mktemp("patient")) as registry:
        yield registry


@pytest.fixture
def registration(azureml, tmp_path) -> Registration:
    """What is registered in a workspace without anything."""
    return Registration(
        name=NAME,
        training_key=KEY,
        bundle=bundles.stored(tmp_path / "store", MODEL),
        tags={"partition": "2013-02-01", "gates": "g" * 1500},
        metrics=[Metric("mae", 9.0, 1), Metric("mae", 7.5, 2), Metric("holdout/mae", 7.9)],
        params={"window_days": "14"},
        run_tags={"autologged": "yes"},
        attachments={"card/card.html": b"<p>card</p>"},
        description="for a test",
        card="card/card.html",
    )


def is_complete(registry: ModelRegistry, workspace: SeenWorkspace, registration: Registration, store) -> bool:
    """Whether there is one version, of which nothing is missing."""
    (only,) = workspace.versions(registration.name)
    found = registry.find(registration.name, registration.training_key)
    assert found is not None
    assert found.version == str(only["version"])
    assert found.tags.items() >= registration.tags.items()
    run = workspace.run(found.run_id)
    assert (run["status"], run["tags"]["state"]) == ("Completed", registration.state)
    assert workspace.points(found.run_id, "mae") == [(1, 9.0), (2, 7.5)]
    for path, content in registration.attachments.items():
        assert registry.attached(found, path) == content
    return registry.fetch(found, store).read_bytes() == registration.bundle.read_bytes()


def test_a_version_says_where_it_comes_from(impatient, workspace, registration):
    version = impatient.register(registration)

    (seen,) = workspace.versions(NAME)
    assert (seen["framework"], seen["frameworkVersion"]) == ("ScikitLearn", "1.7.2")
    assert seen["properties"] == {"training_key": KEY, "bundle_digest": registration.bundle.stem}
    assert (seen["runId"], seen["experimentName"]) == (version.run_id, NAME)
    asset = workspace.asset(seen["url"].removeprefix("aml://asset/"))
    assert asset["artifacts"] == [{"prefix": f"ExperimentRun/dcid.{version.run_id}/model"}]
    assert f"(https://ml.azure.com/runs/{version.run_id}?wsid=/subscriptions/" in version.description


def test_the_run_keeps_metrics_parameters_tags_and_files(impatient, workspace, registration):
    version = impatient.register(registration)

    run = workspace.run(version.run_id)
    assert (run["displayName"], run["status"]) == ("train 2013-02-01", "Completed")
    assert run["properties"]["param.window_days"] == "14"
    assert run["tags"]["autologged"] == "yes"
    assert run["tags"]["gates"] == "g" * 997 + "..."
    assert workspace.points(version.run_id, "holdout/mae") == [(0, 7.9)]
    expected = {*MODEL, "bundle.json", "params.json", "card/card.html"}
    assert set(workspace.artifacts(version.run_id)) == expected


def calls_of(azureml: AzureMl, registry: ModelRegistry, registration: Registration) -> list[Call]:
    """The requests that a registration makes."""
    registry.search(NAME)  # logs in
    azureml.faults.clear()
    registry.register(registration)
    return list(azureml.faults.calls)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", Cut)
def test_a_crash_at_any_request_is_repaired_by_the_next_try(
    azureml, impatient, workspace, registration, tmp_path, moment
):
    small = bundles.stored(tmp_path / "small", {"model/MLmodel": MODEL["model/MLmodel"]})
    registration = replace(registration, bundle=small)
    calls = calls_of(azureml, impatient, registration)
    assert {call.method for call in calls} >= {"GET", "POST", "PATCH", "PUT"}
    for number, call in enumerate(calls):
        azureml.forget()
        earlier = sum(before.method == call.method for before in calls[:number])
        azureml.faults.add(Fault(call.method, ".", cut=moment, skip=earlier, times=4))
        try:
            impatient.register(registration)
        except ModelRegistryUnavailable:
            azureml.faults.clear()
            is_finished = impatient.find(NAME, KEY) is not None
            assert not is_finished or is_complete(impatient, workspace, registration, tmp_path / "early")
        azureml.faults.clear()

        impatient.register(registration)

        assert is_complete(impatient, workspace, registration, tmp_path / "fetched"), call


@pytest.mark.parametrize(
    "fault",
    [
        Fault(*REGISTER, cut=Cut.AFTER),
        Fault("PATCH", "/history/.*/runs/", cut=Cut.AFTER),
        Fault("POST", "/batch/metadata/", cut=Cut.AFTER),
        Fault("PATCH", "/models/", cut=Cut.AFTER),
        Fault("POST", "/experiments/", cut=Cut.AFTER),
        Fault("PUT", "blob.core.windows.net", cut=Cut.AFTER),
        Fault(*SEARCH, refusal=faults.too_many_requests(1)),
        Fault(*REGISTER, refusal=faults.UNAVAILABLE),
    ],
    ids=lambda fault: f"{fault.method} {fault.url}",
)
def test_an_answer_that_is_lost_makes_nothing_twice(
    azureml, patient, workspace, registration, tmp_path, fault
):
    azureml.faults.add(replace(fault))

    patient.register(registration)

    assert is_complete(patient, workspace, registration, tmp_path / "fetched")


def test_a_writer_that_finds_the_version_of_another_deletes_its_own(
    azureml, impatient, workspace, registration
):
    """The other one writes between our look and our registration: its look is answered with nothing."""
    first = impatient.register(registration)
    azureml.faults.add(Fault(*SEARCH, answer={"value": []}))

    assert impatient.register(registration) == first
    assert len(azureml.faults.asked("DELETE", "/models/")) == 1
    assert [version["version"] for version in workspace.versions(NAME)] == [1]


def test_bundles_of_two_writers_of_one_training_do_not_mix(
    azureml, impatient, workspace, registration, tmp_path
):
    """The first one stops before its run is complete; the second one brings other bytes."""
    azureml.faults.add(Fault("PATCH", "/history/.*/runs/", refusal=faults.UNAVAILABLE, skip=2, times=99))
    with pytest.raises(ModelRegistryUnavailable):
        impatient.register(registration)
    azureml.faults.clear()
    other = bundles.stored(tmp_path / "other", {**MODEL, "model/model.pkl": b"saved again"})

    version = impatient.register(replace(registration, bundle=other))

    assert version.tags["bundle_digest"] == other.stem
    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("moment", "champion"), [(Cut.BEFORE, "1"), (Cut.AFTER, "2")])
def test_there_is_one_champion_however_a_promotion_ends(azureml, impatient, registration, moment, champion):
    first = impatient.register(registration)
    second = impatient.register(replace(registration, training_key="6" * 64))
    impatient.promote(first)
    azureml.faults.add(Fault("PATCH", "/experimentids/", cut=moment))

    with pytest.raises(ModelRegistryUnavailable):
        impatient.promote(second)

    assert impatient.champion(NAME).version == champion


def test_tags_that_somebody_takes_away_at_the_same_moment_are_written_again(
    azureml, impatient, patient, registration
):
    version = impatient.register(registration)
    azureml.faults.add(Fault("PATCH", "/models/", answer={}))

    changed = patient.set_tags(version, {"image_digest": "sha256:1"})

    assert changed.tags == {**version.tags, "image_digest": "sha256:1"}


@pytest.mark.parametrize("path", ["model/a b.bin", "model/100%.bin", "model/a+b#c?.bin", "model/\u00e4.bin"])
def test_a_file_may_have_any_name(impatient, registration, tmp_path, path):
    bundle = bundles.stored(tmp_path / "named", {**MODEL, path: b"content", "model/empty": b""})

    version = impatient.register(replace(registration, bundle=bundle))

    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()


def test_a_file_of_many_blocks_comes_back_byte_for_byte(impatient, registration, tmp_path):
    large = {**MODEL, "model/model.pkl": bytes(range(256)) * (20 * 2**20 // 256) + b"end"}
    bundle = bundles.stored(tmp_path / "large", large)

    version = impatient.register(replace(registration, bundle=bundle))

    assert impatient.fetch(version, tmp_path / "fetched").read_bytes() == bundle.read_bytes()


def test_files_that_somebody_has_replaced_are_refused(azureml, impatient, registration, tmp_path):
    version = impatient.register(registration)
    listing = {"contentUri": azureml.blobs.signed("azureml", "another", "r")}
    azureml.blobs.path("azureml", "another").write_bytes(b"[]")
    azureml.faults.add(Fault("GET", "/contentinfo/.*/bundle.json", answer=listing))

    with pytest.raises(ModelRegistryRefused, match="are not those registered; delete the version"):
        impatient.fetch(version, tmp_path / "fetched")


@pytest.mark.parametrize(
    ("refusal", "kind", "said"),
    [
        (faults.EXPIRED_TOKEN, ModelRegistryRefused, "ExpiredAuthenticationToken.*renew its secret"),
        (faults.NO_WORKSPACE, ModelRegistryRefused, "ResourceNotFound.*correct subscription"),
        (faults.QUOTA_EXCEEDED, ModelRegistryRefused, "A quota of .*have the quota raised"),
        (faults.CONFLICT, ModelRegistryRefused, "refuses the request"),
        (faults.INTERNAL_ERROR, ModelRegistryUnavailable, "too busy or out of order"),
        (faults.too_many_requests(30), ModelRegistryUnavailable, "429 TooManyRequests"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_what_goes_wrong_has_a_name_and_a_remedy(azureml, impatient, registration, refusal, kind, said):
    for method in ("POST", "GET"):
        azureml.faults.add(Fault(method, "/modelmanagement/", refusal=refusal))

    with pytest.raises(kind, match=said):
        impatient.register(registration)
    assert len(azureml.faults.asked("GET", "/modelmanagement/")) == 1


def test_what_the_workspace_would_refuse_is_said_before_anything_is_written(azureml, impatient, registration):
    impatient.search(NAME)
    azureml.faults.clear()

    with pytest.raises(ModelRegistryRefused, match="no name for a model in Azure Machine Learning"):
        impatient.register(replace(registration, name="flight.delay"))
    assert azureml.faults.calls == []
