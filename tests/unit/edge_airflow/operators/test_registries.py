"""register_model: what other tasks handed on becomes what a version says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests import bundles
from tests.fakes.model_registry import InMemoryModelRegistry
from tests.fakes.validations import InMemoryValidations
from tests.unit.edge_training.lineage.test_tags import SNAPSHOT, TRAINING, VALIDATION

from edge_airflow.hooks.registries import ModelRegistryHook
from edge_airflow.operators import registries
from edge_airflow.operators.registries import RegisterModelOperator
from edge_training.ports.validations import Validation
from edge_training.project import Drift, ModelProject

PROFILE = b'{"version":1,"splits":{}}'


@pytest.fixture
def models(monkeypatch) -> InMemoryModelRegistry:
    found = InMemoryModelRegistry()
    monkeypatch.setattr(ModelRegistryHook, "client", lambda _: found)
    return found


@pytest.fixture
def register(models, tmp_path, monkeypatch) -> RegisterModelOperator:
    """The task, at the end of a run in which all went well."""
    archive = InMemoryValidations()
    kept = archive.keep(Validation("delay", "edge-validate-1", "2013-02-01", True, {"profile.json": PROFILE}))
    monkeypatch.setattr(ModelRegistryHook, "validations", lambda _: archive)
    monkeypatch.setattr(registries, "require_fit", lambda *_: None)  # it has tests of its own
    (tmp_path / "contract.yaml").write_text("kind: DataContract")
    model = ModelProject(
        name="delay",
        folder=tmp_path,
        container="c",
        prefix="date={partition}/",
        drift=Drift(ignore=("year",)),
    )
    return RegisterModelOperator(
        task_id="register_model",
        model=model,
        snapshot=SNAPSHOT,
        validation={**VALIDATION, "validation_run_id": kept.run_id, "report": list(kept.files)},
        training={**TRAINING, "training_key": "a" * 64},
        evaluation={"metrics": {"mae": 7.9}, "gates": [], "slices": [], "champion_version": None},
        bundle={"bundle_digest": bundles.stored(tmp_path / "store").stem},
        bundle_store=str(tmp_path / "store"),
    )


def context() -> dict:
    return {
        "ti": SimpleNamespace(dag_id="train_delay", run_id="manual__1"),
        "dag_run": SimpleNamespace(partition_key="2013-02-01"),
    }


def test_a_version_says_what_all_tasks_handed_on(register, models):
    value = register.execute(context())

    version = models.get("delay", value["model_version"])
    assert version.tags["contract_result"] == '{"passed":2,"warned":1}'
    assert '"psi_column":"distance"' in version.tags["drift"]  # that of the year is ignored
    assert (version.tags["training_seconds"], version.tags["site"]) == ("12.5", "edge_site")
    assert (version.tags["dag_id"], version.tags["run_id"]) == ("train_delay", "manual__1")
    assert models.attached(version, version.tags["profile_path"]) == PROFILE
    assert models.attached(version, "card/model_card.md")
