"""The registries away while a model is deployed: the service answers, and the champion is what it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
from docker.errors import NotFound
from tests.chaos.artifacts import champions, versions
from tests.chaos.fault import Fault
from tests.chaos.faults.stores import DOWN_S, TRIES, await_step, down, hold_on
from tests.chaos.scene import Scene

from edge_training.identity import service_name
from edge_training.stages.rollout import HEALTH_PATH

ANSWER_LIMIT_S = 10.0


def image_gone(scene: Scene) -> None:
    """Refuse all connections to the registry while the site needs an image that it no longer has."""
    await_step(scene)
    scene.link("registry").refuse()
    image = scene.api.handed_on(scene.dag_id, scene.runs[0], "push_image")["image"]
    scene.engine.client.api.remove_image(image, force=True)
    hold_on(scene)


def deployed(scene: Scene) -> Iterator[str]:
    """The deployment has ended well, its service answers, and its version is the one champion."""
    state = scene.api.run(scene.fault.deploy_dag_id, scene.deployment())["state"]
    if state != "success":
        yield f"the deployment is {state}"
    try:
        yield from wrong_service(scene)
    finally:
        with suppress(NotFound):
            scene.engine.client.api.remove_container(service_name(scene.fault.model), force=True)
    yield from wrong_champion(scene)


def wrong_service(scene: Scene) -> Iterator[str]:
    """The service does not answer."""
    url = f"http://127.0.0.1:{scene.service_port}{HEALTH_PATH}"
    try:
        answer = httpx.get(url, trust_env=False, timeout=ANSWER_LIMIT_S)
    except httpx.HTTPError as error:
        yield f"the service does not answer: {error}"
    else:
        if not answer.is_success:
            yield f"the service answers {answer.status_code}"


def wrong_champion(scene: Scene) -> Iterator[str]:
    """The champion is not the scene's version."""
    info, model = scene.site.info, scene.fault.model
    trained = [one["version"] for key in scene.training_keys() for one in versions(info, model, key)]
    if (found := champions(info, model)) != trained:
        yield f"the champion is version {found}, trained was {trained}"


def deploying(number: int, part: str, step: str, inject: Callable[[Scene], None]) -> Fault:
    """A fault of a deployment, served on a port of its own."""
    return Fault(
        f"{part}-down-in-{step.removesuffix('_champion').removesuffix('_rollout').replace('_', '-')}",
        step,
        f"{part} refuses connections for {DOWN_S} s",
        inject,
        links=frozenset({part}),
        tries=TRIES[part],
        checks=(deployed,),
        service=number,
    )


FAULTS = (
    deploying(1, "mlflow", "decide_rollout", down("mlflow")),
    deploying(2, "registry", "roll_out", image_gone),
    deploying(3, "mlflow", "promote_champion", down("mlflow")),
)
