"""What the service refuses for its length, its number or its letters.

Sources: "Service limits in Azure Machine Learning"
(learn.microsoft.com/azure/machine-learning/resource-limits-capacity) for runs, metrics and artifacts,
and what workspaces have answered (github.com/Azure/azure-sdk-for-python/issues/35685) for parameters; the
clients' own checks for names (`azureml/_base_sdk_common/common.py` for experiments,
`azureml/_model_management/_util.py` for models), which the service is taken to share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.standins.azureml.refusals import Refused

EXPERIMENT_NAME = re.compile(r"[a-zA-Z0-9][\w\-]{0,254}", re.ASCII)
RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-.]{0,255}", re.ASCII)
MODEL_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
ARTIFACT_PATH_LENGTH = 5000
DESCRIPTION_LENGTH = 5000
DISPLAY_NAME_LENGTH = 256
ENTRIES = 50
KEY_LENGTH = 100
VALUE_LENGTH = 1000
METRIC_NAMES = 50
PARAMETERS = 200
METRIC_NAME_LENGTH = 255
METRIC_ROWS_PER_BATCH = 250
ERROR_LENGTH = 3000


def require_name(pattern: re.Pattern[str], what: str, name: str) -> None:
    """Refuse a name with other letters, or of another length."""
    if pattern.fullmatch(name) is None:
        raise Refused(400, "BadArgument", f"{what} '{name}' does not match {pattern.pattern}.")


def require_length(what: str, text: str | None, most: int) -> None:
    """Refuse a text that is too long."""
    if text is not None and len(text) > most:
        raise Refused(400, "BadArgument", f"{what} has {len(text)} characters; {most} are allowed.")


def require_entries(what: str, entries: Mapping[str, Any]) -> None:
    """Refuse tags or properties that are too many, too long, or no text."""
    if len(entries) > ENTRIES:
        raise Refused(400, "BadArgument", f"{len(entries)} {what} are too many; {ENTRIES} are allowed.")
    for key, value in entries.items():
        if not key or not isinstance(value, str | None):
            raise Refused(400, "BadArgument", f"{what} are names with texts.")
        require_length(f"The name of one of the {what}", key, KEY_LENGTH)
        require_length(f"The value of '{key}' of the {what}", value, VALUE_LENGTH)


def require_unchanged(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse to change a property: they can be added only."""
    changed = [key for key in after if key in before and before[key] != after[key]]
    if changed:
        raise Refused(400, "ImmutableProperty", f"Properties cannot be changed: {', '.join(changed)}.")
