"""What an Azure Machine Learning workspace takes, asked before anything is written.

Sources: "Service limits in Azure Machine Learning"
(learn.microsoft.com/azure/machine-learning/resource-limits-capacity) for runs, metrics and artifacts;
azureml-core's own checks for names (`azureml/_base_sdk_common/common.py` for experiments,
`azureml/_model_management/_util.py` for models). No limits are published for the tags of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from edge_training.errors import ModelRegistryRefused
from edge_training.ports.model_registry import Registration

KEY_LENGTH: Final = 100
VALUE_LENGTH: Final = 1000
ENTRIES: Final = 50
"""Of tags, and of properties, for each run."""
OWN_TAGS: Final = 6
"""Of a run: training key, bundle, state, compute target and two logs."""
PARAM_PREFIX: Final = "param."
"""Of the properties that are parameters of the script; the studio has no other place for them."""
METRIC_NAMES: Final = 50
METRIC_NAME_LENGTH: Final = 255
POINTS_PER_BATCH: Final = 250
DESCRIPTION_LENGTH: Final = 5000
LINK_LENGTH: Final = 500
"""Room in a description for the link to the card."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_\-]{0,254}")


def require_name(name: str) -> None:
    """Make sure that experiment and model can have this name.

    Raises:
        ModelRegistryRefused: They cannot.
    """
    if not _NAME.fullmatch(name):
        raise ModelRegistryRefused(
            f"{name[:KEY_LENGTH]!r} is no name for a model in Azure Machine Learning; use at most 255 "
            "letters, digits, '_' and '-', and begin with a letter or digit."
        )


def require_writable(registration: Registration, own_tags: int = OWN_TAGS) -> None:
    """Make sure that the workspace will take every name.

    Values that are too long for a run are cut there: the version and the bundle have them whole.

    Args:
        registration: What is to be registered.
        own_tags: How many tags the run gets beside these.

    Raises:
        ModelRegistryRefused: Naming the first that it will not.
    """
    require_name(registration.name)
    _require_keys("tag", registration.tags)
    _require_keys("tag of the training script's run", registration.run_tags)
    _require_keys("parameter", registration.params, KEY_LENGTH - len(PARAM_PREFIX))
    require_number("tags", {*registration.tags, *registration.run_tags}, ENTRIES - own_tags)
    metrics = {metric.name for metric in registration.metrics}
    require_number("names of metrics", metrics, METRIC_NAMES)
    for name in metrics:
        if len(name) > METRIC_NAME_LENGTH:
            raise ModelRegistryRefused(
                f"The metric {name[:KEY_LENGTH]!r}... has a name of {len(name)} characters, and Azure "
                f"Machine Learning takes {METRIC_NAME_LENGTH}; shorten it."
            )
    if len(registration.description) > DESCRIPTION_LENGTH - LINK_LENGTH:
        raise ModelRegistryRefused(
            f"The description of {registration.name} has {len(registration.description)} characters, and "
            f"there is room for {DESCRIPTION_LENGTH - LINK_LENGTH}; shorten it."
        )


def cut(values: Mapping[str, str]) -> dict[str, str]:
    """Tags or properties as a run takes them; an end that was cut off shows as dots."""
    return {
        name: value if len(value) <= VALUE_LENGTH else value[: VALUE_LENGTH - 3] + "..."
        for name, value in values.items()
    }


def _require_keys(what: str, values: Mapping[str, str], length: int = KEY_LENGTH) -> None:
    for name in values:
        if not 0 < len(name) <= length:
            raise ModelRegistryRefused(
                f"The {what} {name[:KEY_LENGTH]!r} has a name of {len(name)} characters, and Azure Machine "
                f"Learning takes 1 to {length}; shorten it."
            )


def require_number(what: str, names: Iterable[str], most: int) -> None:
    """Make sure that a run has room for these.

    Raises:
        ModelRegistryRefused: It has not.
    """
    number = len(list(names))
    if number > most:
        raise ModelRegistryRefused(
            f"The run has {number} {what}, and Azure Machine Learning has room for {most}; log fewer."
        )
