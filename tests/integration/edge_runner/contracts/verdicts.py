"""What each program says of a pair, in the same words: a verdict by the name of a rule."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from tests.integration.edge_runner.contracts.pairs import (
    FAILED,
    NOT_CHECKED,
    PASSED,
    REFUSED,
    WARNED,
    Pair,
)

from edge_runner.protocol import Dirs, StepError
from edge_runner.steps import validate

DRIVER = Path(__file__).with_name("datacontract_driver.py")
DRIVER_LIMIT_S = 240
TODAY = datetime.now(UTC).date().isoformat()
"""The partition's day: datacontract-cli measures freshness from now."""

Verdicts = Mapping[str, str]


def ours(pair: Pair, folder: Path) -> Verdicts:
    """Our verdicts, from the step that runs on a site.

    Args:
        pair: Already written below the folder.
        folder: The pair's own.
    """
    request = {"contract": (folder / "contract.yaml").read_text(), "partition": TODAY, "volume": "v"}
    job = folder / "job"
    job.mkdir(exist_ok=True)
    try:
        report = validate.run(request, {}, Dirs(data=folder / "data", job=job))
    except StepError as error:
        return refused(error)
    return counted(report)


def refused(error: StepError) -> Verdicts:
    """The verdicts that an error amounts to."""
    if error.kind == "ContractInvalid":
        return {"contract": REFUSED}
    if "rules" in error.details:
        return counted(error.details)
    if "findings" in error.details:
        return dict(map(found, error.details["findings"]))
    return {"partition" if "has no rows" in error.message else "file": FAILED}


def counted(report: Mapping[str, Any]) -> Verdicts:
    """The verdicts of a report."""
    return {called(rule["rule"], rule["column"]): rule["outcome"] for rule in report["rules"]}


def found(finding: str) -> tuple[str, str]:
    """The verdict that a finding about a file's columns amounts to."""
    (name,) = re.findall(r"column '([^']+)'", finding)
    return called("present" if " no column" in finding else "type", name), FAILED


def called(rule: str, columns: str | None) -> str:
    """The name of a rule."""
    rule = rule.partition(" of ")[0] if rule.startswith("freshness of ") else rule
    return f"{rule} {columns}" if columns else rule


OPTIONS = {
    "field_required": ("required",),
    "field_primary_key_required": ("required",),
    "field_unique": ("unique",),
    "field_primary_key_unique": ("primaryKey",),
    "field_min_length": ("minLength",),
    "field_max_length": ("maxLength",),
    "field_minimum": ("minimum", "exclusiveMinimum"),
    "field_maximum": ("maximum", "exclusiveMaximum"),
    "field_not_equal": ("exclusiveMinimum", "exclusiveMaximum"),
    "field_regex": ("pattern",),
    "field_enum": ("enum",),
    "field_is_present": ("present",),
    "field_type": ("type",),
    "field_min_items": ("minItems",),
    "field_max_items": ("maxItems",),
    "field_unique_items": ("uniqueItems",),
    "servicelevel_freshness": ("freshness",),
}
"""The contract's words that the kinds of check stand for; two checks make an exclusive bound."""
RESULTS: Mapping[str | None, str] = {
    "passed": PASSED,
    "failed": FAILED,
    "error": FAILED,
    "warning": WARNED,
    "info": WARNED,
    None: NOT_CHECKED,
}
WORST_FIRST = (REFUSED, FAILED, WARNED, PASSED)
STRUCTURE = ("field_is_present", "field_type")
JSON_TYPE = re.compile(r"^data\.(\w+) must be \w+ or null$")
WHOLE = {"lint": "contract", "general": "file"}
"""Checks of the contract, and of whether the data can be read at all."""


def all_theirs(python: Path, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What datacontract-cli says of every contract below a folder.

    Args:
        python: The interpreter of its environment.
        folder: Of pairs, each in a directory of its own.
    """
    command: list[str | Path] = [python, "-I", DRIVER, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return answer


def theirs(pair: Pair, checks: Sequence[Mapping[str, Any]]) -> Verdicts:
    """The verdicts of datacontract-cli, of rules that it checked; a rule with two checks has the worse.

    That a column is there and has its type is said only when it is not so, as by us.
    """
    verdicts: dict[str, str] = {}
    for check in filter(is_a_rule, checks):
        name, verdict = named(check, options_of(pair)), judged(check)
        is_said = verdict == FAILED if check["type"] in STRUCTURE else verdict != NOT_CHECKED
        if is_said:
            verdicts[name] = min(verdict, verdicts.get(name, PASSED), key=WORST_FIRST.index)
    return verdicts


def options_of(pair: Pair) -> frozenset[str]:
    """The options of all columns of a pair's contract."""
    (described,) = yaml.safe_load(pair.contract)["schema"]
    return frozenset(
        option for column in described["properties"] for option in column.get("logicalTypeOptions", ())
    )


def is_a_rule(check: Mapping[str, Any]) -> bool:
    """Whether a check says more than others do: that of JSON against a schema only adds the types."""
    return check["type"] != "schema" or bool(JSON_TYPE.search(check["reason"] or ""))


def named(check: Mapping[str, Any], options: frozenset[str]) -> str:
    """The name of the rule that a check belongs to."""
    if check["type"] == "primary_key_unique":
        (columns,) = re.findall(r"\((.*)\)", check["name"])
        return called("primaryKey", columns)
    if check["type"] in OPTIONS:
        words = OPTIONS[check["type"]]
        return called(next((word for word in words if word in options), words[0]), check["field"])
    if check["rule"]:
        columns = re.findall(r"for columns (.*)$", check["name"])
        return called(check["rule"], columns[0] if columns else check["field"])
    if check["type"] == "schema":
        return called("type", JSON_TYPE.findall(check["reason"])[0])
    return WHOLE.get(check["type"], check["type"])


def judged(check: Mapping[str, Any]) -> str:
    """A check's verdict; a warning that gives no number says that the check was not made."""
    if check["result"] == "warning" and not (check["reason"] or "").startswith("Actual "):
        return NOT_CHECKED
    if check["type"] == "lint" and check["result"] == "failed":
        return REFUSED
    return RESULTS[check["result"]]
