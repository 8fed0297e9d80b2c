"""The filters that a client may ask for runs with: comparisons joined by `and`, as the client writes them.

Source: `azureml/_restclient/_odata/runs.py` and `constants.py` beside it; values stand there without
quotes, and brackets only group what is joined by `and` anyway. All else is refused, so that no test passes
on a filter that was ignored.
"""

from __future__ import annotations

import re
from typing import Any

from tests.standins.azureml.refusals import Refused

COMPARISON = re.compile(r"(?P<field>\S+) eq (?P<value>\S+)")
FIELDS = {
    "RunId": "runId",
    "Status": "status",
    "Target": "target",
    "RootRunId": "rootRunId",
    "ParentRunId": "parentRunId",
}


def matches(expression: str | None, run: dict[str, Any]) -> bool:
    """Whether a run is among those that a filter asks for."""
    joined = re.sub(r"[()]", "", expression or "")
    return not joined or all(holds(part.strip(), run) for part in joined.split(" and "))


def holds(comparison: str, run: dict[str, Any]) -> bool:
    """Whether one comparison holds."""
    found = COMPARISON.fullmatch(comparison)
    if found is None:
        raise Refused(400, "BadArgument", f"The filter '{comparison}' is not understood.")
    value = None if found["value"] == "null" else found["value"]
    return looked_up(found["field"], run) == value


def looked_up(field: str, run: dict[str, Any]) -> Any:
    """The value of a field, a tag or a property."""
    owner, slash, key = field.partition("/")
    if slash and owner in ("Tags", "Properties"):
        return run[owner.lower()].get(key)
    if field not in FIELDS:
        raise Refused(400, "BadArgument", f"Runs cannot be filtered by '{field}'.")
    return run.get(FIELDS[field])
