"""The filters that a client may ask for runs with: comparisons joined by `and`, as the client writes them.

Source: `azureml/_restclient/_odata/runs.py`, `constants.py` and `helpers.py` beside it. Brackets only group
what is joined by `and` anyway. All else is refused, so that no test passes on a filter that was ignored.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.standins.azureml.refusals import Refused

COMPARISON = re.compile(r"(?P<field>[^\s()]+) eq (?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s()]+)")
JOINED = re.compile(r"[\s()]*(and[\s()]*)*")
"""What may stand between comparisons."""
FIELDS = {
    "RunId": "runId",
    "Status": "status",
    "Target": "target",
    "RootRunId": "rootRunId",
    "ParentRunId": "parentRunId",
}


def matches(expression: str | None, run: dict[str, Any]) -> bool:
    """Whether a run is among those that a filter asks for."""
    if not expression:
        return True
    if JOINED.fullmatch(COMPARISON.sub("", expression)) is None:
        raise Refused(400, "BadArgument", f"The filter {expression} is not understood.")
    return all(
        looked_up(found["field"], run) == value_of(found["value"])
        for found in COMPARISON.finditer(expression)
    )


def value_of(text: str) -> Any:
    """The value that a filter writes so."""
    return json.loads(text) if text == "null" or text.startswith('"') else text


def looked_up(field: str, run: dict[str, Any]) -> Any:
    """The value of a field, a tag or a property."""
    owner, slash, key = field.partition("/")
    if slash and owner in ("Tags", "Properties"):
        return run[owner.lower()].get(key)
    if field not in FIELDS:
        raise Refused(400, "BadArgument", f"Runs cannot be filtered by '{field}'.")
    return run.get(FIELDS[field])
