"""verify_image: on the site, the image known by digest must answer as the model did at evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge_training.identity import image_digest, step_key
from edge_training.image_reference import ImageReference
from edge_training.jobs import EdgeJob
from edge_training.ports.image_registry import ImageRegistry
from edge_training.run import PipelineRun

TOLERANCE = 1e-9
SERVER_PORT = 8080
START_LIMIT_S = 120


def job(run: PipelineRun, image: str, command: Sequence[str], evaluation_job: str) -> EdgeJob:
    """The job that runs in the serving image itself, without any network.

    Args:
        run: The run.
        image: The serving image, by digest.
        command: The image's own server command.
        evaluation_job: The container that left the probe and its answers.
    """
    return EdgeJob(
        step="verify",
        key=step_key("verify", image=image_digest(image), evaluation=evaluation_job),
        image=image,
        request={
            "command": list(command),
            "port": SERVER_PORT,
            "tolerance": TOLERANCE,
            "start_limit_s": START_LIMIT_S,
        },
        inputs={"evaluate": evaluation_job},
        limits=run.limits,
        labels=run.labels,
        login=run.login,
    )


def server_command(images: ImageRegistry, image: str) -> list[str]:
    """The command an image starts its server with, from its configuration.

    Args:
        images: The registry that holds the image.
        image: `host/repository@sha256:...`.
    """
    reference = ImageReference.parse(image)
    manifest = json.loads(images.get_manifest(reference.repository, reference.version).content)
    config = json.loads(images.get_blob(reference.repository, manifest["config"]["digest"]))["config"]
    return [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
