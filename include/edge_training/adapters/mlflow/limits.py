"""What an MLflow server takes, asked before anything is written.

Sources: `mlflow.utils.validation` of MLflow 3.17 (lengths and characters); the server's `/version`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import Registration

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY_LENGTH: Final = 250
PARAM_LENGTH: Final = 6000
"""Longer ones, and longer tags of runs, MLflow cuts off without a word."""
RUN_TAG_LENGTH: Final = 8000
VERSION_TAG_LENGTH: Final = 100_000
_KEY = re.compile(r"[/\w.\- :]+")
_VERSION = re.compile(r"(\d+)\.\d+")


def require_writable(registration: Registration) -> None:
    """Make sure that the server will take every name and value as it is.

    Raises:
        ModelRegistryRefused: Naming the first that it will not.
    """
    _require("tag", registration.tags, VERSION_TAG_LENGTH)
    _require("tag of the training script's run", registration.run_tags, RUN_TAG_LENGTH)
    _require("parameter", registration.params, PARAM_LENGTH)


def _require(what: str, values: Mapping[str, str], length: int) -> None:
    for name, value in values.items():
        if not _KEY.fullmatch(name) or len(name) > KEY_LENGTH:
            raise ModelRegistryRefused(
                f"The {what} {name[:KEY_LENGTH]!r} has a name that MLflow does not take; use at most "
                f"{KEY_LENGTH} letters, digits, spaces and _ - . : / only."
            )
        if len(value) > length:
            raise ModelRegistryRefused(
                f"The {what} {name!r} has {len(value)} characters, and MLflow takes {length}; shorten it."
            )


def require_same_major(client: MlflowClient, url: str) -> None:
    """Make sure that the server is of the client's major version; one that does not tell is believed.

    Raises:
        ModelRegistryRefused: It is of another.
    """
    import mlflow
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(  # type: ignore[no-untyped-call]  # MLflow does not type it
        get_default_host_creds(client.tracking_uri),  # type: ignore[no-untyped-call]  # nor this one
        "/version",
        "GET",
    )
    server, own = _VERSION.match(answer.text), _VERSION.match(mlflow.__version__)
    if answer.status_code == 200 and server and own and server[1] != own[1]:
        raise ModelRegistryRefused(
            f"The model registry {url} runs MLflow {answer.text[:20]}, this project speaks to MLflow "
            f"{own[1]}; upgrade the server, or use a release of this project for it."
        )
