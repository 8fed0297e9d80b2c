"""The deploy DAG's tasks on the real site and the real model registry: forth, back, and what cannot."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException
from tests import bundles
from tests.real_host import Engine

from edge_airflow.operators.deploy import DecideRolloutOperator, PromoteChampionOperator, RollOutOperator
from edge_training.adapters.mlflow.registry import MlflowRegistry
from edge_training.adapters.mlflow.session import MlflowSession
from edge_training.deployments import periods
from edge_training.ports.model_registry import Registration

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
IMAGE = Asset("delay_image")


class Model:
    """A model with three versions whose services say which one they are."""

    def __init__(self, site: Any, engine: Engine, bundle: Any) -> None:
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.registry = MlflowRegistry(MlflowSession(site.mlflow_url))
        self.asked = datetime.now(UTC) - timedelta(hours=1)
        self.engine = engine
        self.images: dict[str, str] = {}
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])
        for version in ("1", "2", "3"):
            container = engine.client.containers.create(site.training_image)
            command = ["python3", "-c", SERVER, version]
            self.images[version] = container.commit(conf={"Cmd": command, "Entrypoint": []}).id
            container.remove()
            tags = {"partition": f"2013-02-0{version}", "dag_id": "train_delay", "run_id": f"night-{version}"}
            made = self.registry.register(Registration(self.name, version * 64, bundle, tags))
            self.registry.set_tags(made, {"image": self.images[version]})

    def deploy(self, version: str) -> None:
        """The run that a training's image starts."""
        extra = {"model_name": self.name, "model_version": version, "deploy": "newer", "image": ""}
        event = SimpleNamespace(extra=extra | {"partition": f"2013-02-0{version}"})
        self._run(f"night-{version}", "", None, [event])

    def by_hand(self, version: str) -> None:
        """A run that somebody starts."""
        self._run(f"manual-{uuid.uuid4().hex[:6]}", version, "ada", [])

    def _run(self, run_id: str, version: str, user: str | None, events: list[Any]) -> None:
        self.asked += timedelta(minutes=1)
        asked = datetime.now(UTC) + timedelta(seconds=1) if user else self.asked
        run = SimpleNamespace(
            dag_id="deploy_delay", run_id=run_id, run_after=asked, triggering_user_name=user
        )
        context: dict[str, Any] = {"dag_run": run, "triggering_asset_events": {IMAGE: events}}
        decided = DecideRolloutOperator(
            task_id="decide_rollout", model_name=self.name, image=IMAGE, version=version
        ).execute(context)
        served = RollOutOperator(
            task_id="roll_out", decision=json.loads(json.dumps(decided)), host_port=self.port
        ).execute(context)
        PromoteChampionOperator(task_id="promote_champion", service=json.loads(json.dumps(served))).execute(
            context
        )

    def state(self) -> tuple[str, str]:
        """The champion, and which version answers."""
        champion = self.registry.champion(self.name)
        assert champion is not None
        return champion.version, httpx.get(f"http://127.0.0.1:{self.port}/", trust_env=False).text


@pytest.fixture
def model(site, behind, connect_through, monkeypatch, tmp_path) -> Iterator[Model]:
    """The model, and Airflow's connections to where it is."""
    connect_through()
    password = site.registry_password
    registry = {"conn_type": "http", "host": site.registry, "login": site.registry_user, "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_REGISTRY", json.dumps(registry))
    monkeypatch.setenv("AIRFLOW_CONN_EDGE_MLFLOW", json.dumps({"conn_type": "http", "host": site.mlflow_url}))
    found = Model(site, behind, bundles.stored(tmp_path))
    behind.names.append(found.name)
    yield found
    behind.remove_containers()
    for image in found.images.values():
        behind.client.images.remove(image, force=True)


def test_going_back_brings_the_service_and_the_champion_back_and_both_versions_say_why(model):
    for version in ("1", "2", "3"):
        model.deploy(version)
    assert model.state() == ("3", "3")

    model.by_hand("previous")
    assert model.state() == ("2", "2")
    model.by_hand("previous")
    assert model.state() == ("1", "1")
    model.by_hand("3")
    assert model.state() == ("3", "3")

    third = periods(model.registry.get(model.name, "3").tags)
    assert [(one.ended.is_rollback, one.ended.version) for one in third] == [(True, "2"), (False, "")]
    assert third[0].ended.request.user == "ada"
    assert [one.began.is_rollback for one in periods(model.registry.get(model.name, "2").tags)] == [
        False,
        True,
    ]


def test_an_image_that_is_gone_leaves_all_as_it_was_and_names_the_run_that_makes_it_again(model, site):
    for version in ("1", "2"):
        model.deploy(version)
    lost = f"{site.registry}/edge/{model.name}@sha256:{'0' * 64}"
    model.registry.set_tags(model.registry.get(model.name, "1"), {"image": lost})

    with pytest.raises(
        AirflowFailException, match="clear build_image and what follows in train_delay/night-1"
    ):
        model.by_hand("previous")

    assert model.state() == ("2", "2")
    assert [one.until for one in periods(model.registry.get(model.name, "2").tags)] == [""]
