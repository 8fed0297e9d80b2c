"""A registry with three versions of one model: rejected, once deployed, champion."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests import bundles
from tests.fakes.model_registry import InMemoryModelRegistry

from edge_training.deployments import Change, Place, Request
from edge_training.ports.model_registry import Registration
from edge_training.stages.promote import promote

IMAGE = "registry.test/edge/flight_delay@sha256:"
DIGESTS = {"2": "sha256:" + "2" * 64, "3": "sha256:" + "3" * 64}
PLACE = Place("edge_site", "edge-service-flight_delay", 18890)


def three_versions(store: Path) -> InMemoryModelRegistry:
    models, bundle = InMemoryModelRegistry(), bundles.stored(store)
    for number, state in enumerate(("rejected", "registered", "registered"), start=1):
        tags = {
            "partition": f"2013-02-0{number}",
            "window": f"2013-01-{17 + number}/{'2013-01-31' if number == 1 else f'2013-02-0{number - 1}'}",
            "data_digest": "d" * 64,
            "contract_result": '{"passed":12,"warned":1}',
            "drift": '{"champion":"1","js":0.2,"js_column":"hour","psi":0.31,"psi_column":"distance"}',
            "params": '{"learning_rate":0.05,"stages":5}',
            "training_seconds": "12.5",
            "peak_memory_bytes": str(300 * 2**20),
            "site_hardware": '{"cpu_model":"EPYC","cpus":2,"gpus":["T4"],"memory_bytes":8589934592}',
            "metrics": '{"mae":17.25}',
            "verdict": "passed all gates",
        }
        models.register(Registration("flight_delay", str(number) * 64, bundle, tags, state=state))
    for number, day in (("2", 4), ("3", 5)):
        version = models.get("flight_delay", number)
        assert version is not None
        models.set_tags(
            version,
            {
                "image": f"{IMAGE.removesuffix('sha256:')}{DIGESTS[number]}",
                "image_digest": DIGESTS[number],
                "image_tag": f"2013-02-0{number}-v{number}",
            },
        )
        moment = datetime(2013, 2, day, 3, tzinfo=UTC)
        by = Request.of("deploy_flight_delay", f"night-{day}", moment, None)
        promote(models, "flight_delay", PLACE, moment, Change(by, number))
    return models
