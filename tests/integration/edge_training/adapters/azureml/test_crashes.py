"""A workspace has one version of a training, whatever is cut, lost or done by others at the same time, and
whichever client speaks to it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests import bundles
from tests.standins.azureml import faults
from tests.standins.azureml.bridging import MLFLOW
from tests.standins.azureml.faults import Cut, Fault

from edge_training.adapters.bridge.ports import BridgedValidationArchive
from edge_training.errors import ModelRegistryUnavailable
from edge_training.ports.validations import Validation

BLOB = ("PUT", "blob.core.windows.net")
REGISTER = {
    "azureml": ("POST", "/modelmanagement/.*/models$"),
    MLFLOW: ("POST", "/model-versions/create$"),
}
SEARCH = {"azureml": ("GET", "/modelmanagement/.*/models"), MLFLOW: ("GET", "/model-versions/search")}
DELETE = {"azureml": ("DELETE", "/models/"), MLFLOW: ("DELETE", "/model-versions/delete")}
PROMOTE = {"azureml": ("PATCH", "/experimentids/"), MLFLOW: ("POST", "/set-experiment-tag")}
REPEATED = 3
"""How often azure-storage-blob sends a request; nobody else repeats one."""


@pytest.mark.timeout(600)
def test_a_crash_at_any_request_is_repaired_by_the_next_try(azureml, impatient, registration, is_complete):
    """Each request in turn is cut after it took effect.

    The workspace is then as it is when the next request is cut before it takes effect, and the client is told
    the same of both; before the first request there is nothing. A request that only reads ends its try, too,
    but leaves what the one before it has left.
    """
    files = {"model/MLmodel": b"flavors: {}\n"}
    small = replace(registration, bundle=bundles.stored(registration.bundle.parent / "small", files))
    impatient.search(small.name)  # logs in
    azureml.faults.clear()
    impatient.register(small)
    calls = list(azureml.faults.calls)
    assert len(calls) > 20
    for number, call in enumerate(calls):
        tried = replace(small, name=f"{small.name}-{number}")
        azureml.faults.clear()
        azureml.faults.add(Fault("*", ".", cut=Cut.AFTER, skip=number, times=REPEATED))
        with pytest.raises(ModelRegistryUnavailable):
            impatient.register(tried)
        if call.method in ("GET", "HEAD"):
            continue
        azureml.faults.clear()
        unfinished = impatient.find(tried.name, tried.training_key)
        assert unfinished is None or is_complete(impatient, tried), call

        impatient.register(tried)

        assert is_complete(impatient, tried), call


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("azureml", Fault(*REGISTER["azureml"], cut=Cut.AFTER)),
        ("azureml", Fault("PATCH", "/history/.*/runs/", cut=Cut.AFTER)),
        ("azureml", Fault("POST", "/batch/metadata/", cut=Cut.AFTER)),
        ("azureml", Fault("PATCH", "/models/", cut=Cut.AFTER)),
        ("azureml", Fault("POST", "/experiments/", cut=Cut.AFTER)),
        ("azureml", Fault(*BLOB, cut=Cut.AFTER)),
        ("azureml", Fault(*BLOB, refusal=faults.UNAVAILABLE)),
        ("azureml", Fault(*SEARCH["azureml"], refusal=faults.too_many_requests(1))),
        ("azureml", Fault(*REGISTER["azureml"], refusal=faults.UNAVAILABLE)),
        (MLFLOW, Fault(*REGISTER[MLFLOW], cut=Cut.AFTER)),
        (MLFLOW, Fault("POST", "/runs/create$", cut=Cut.AFTER)),
        (MLFLOW, Fault("POST", "/runs/log-batch$", cut=Cut.AFTER)),
        (MLFLOW, Fault("POST", "/experiments/create$", cut=Cut.AFTER)),
        (MLFLOW, Fault("POST", "/registered-models/create$", cut=Cut.AFTER)),
        (MLFLOW, Fault("POST", "/batch/metadata", cut=Cut.AFTER)),
        (MLFLOW, Fault(*BLOB, cut=Cut.AFTER)),
        (MLFLOW, Fault(*BLOB, refusal=faults.UNAVAILABLE)),
        (MLFLOW, Fault(*REGISTER[MLFLOW], refusal=faults.too_many_requests(1))),
        (MLFLOW, Fault(*REGISTER[MLFLOW], refusal=faults.UNAVAILABLE)),
    ],
    indirect=["kind"],
    ids=lambda value: value if isinstance(value, str) else f"{value.url} {value.cut or value.refusal.code}",
)
def test_an_answer_that_is_lost_makes_nothing_twice(azureml, patient, registration, is_complete, fault):
    azureml.faults.add(replace(fault))

    patient.register(registration)

    assert is_complete(patient, registration)


def test_a_writer_that_finds_the_version_of_another_deletes_its_own(azureml, kind, impatient, registration):
    """The other one writes between our look and our registration: its look is answered with nothing."""
    first = impatient.register(registration)
    azureml.faults.add(Fault(*SEARCH[kind], answer={"value": []} if kind == "azureml" else {}))

    assert impatient.register(registration) == first
    assert len(azureml.faults.asked(*DELETE[kind])) == 1
    assert impatient.search(registration.name) == [first]


@pytest.mark.parametrize(("moment", "champion"), [(Cut.BEFORE, "1"), (Cut.AFTER, "2")])
def test_there_is_one_champion_however_a_promotion_ends(
    azureml, kind, impatient, registration, moment, champion
):
    first = impatient.register(registration)
    second = impatient.register(replace(registration, training_key="6" * 64))
    impatient.promote(first)
    azureml.faults.add(Fault(*PROMOTE[kind], cut=moment))

    with pytest.raises(ModelRegistryUnavailable):
        impatient.promote(second)

    assert impatient.champion(registration.name).version == champion


def test_a_check_whose_keeping_was_cut_is_completed(azureml, impatient_bridge, name):
    files = {"report.json": b'{"rows": 3}', "report.html": b"<p>"}
    validation = Validation(name, "edge-validate-1", "2013-02-01", True, files)
    archive = BridgedValidationArchive(impatient_bridge)
    azureml.faults.add(Fault(*BLOB, cut=Cut.BEFORE, skip=1, times=REPEATED))
    with pytest.raises(ModelRegistryUnavailable):
        archive.keep(validation)

    kept = archive.keep(validation)

    assert archive.fetch(kept.run_id, kept.files) == files
    assert archive.keep(validation) == kept
