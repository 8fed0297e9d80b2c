"""Reads operators, units and severities of a contract's quality rules."""

from __future__ import annotations

import math
from typing import Any

from open_data_contract_standard.model import DataQuality

from edge_runner.contracts.document import invalid
from edge_runner.contracts.model import OPERATORS, Limit

WARNING_SEVERITIES = frozenset({"warning", "info"})


def limits(quality: DataQuality, where: str, *, takes_booleans: bool = False) -> list[Limit]:
    """The limits of a quality rule; with several operators, each must be kept.

    Args:
        quality: The rule.
        where: What it is a rule of, as part of a sentence.
        takes_booleans: Whether it may be compared with true and false: a query's value may be one.

    Raises:
        StepError: kind `ContractInvalid`.
    """
    given = [operator for operator in OPERATORS if getattr(quality, operator) is not None]
    if not given:
        raise invalid(f"a quality rule of {where} has no operator", "add one, such as mustBe")
    if quality.unit not in (None, "rows", "percent"):
        raise invalid(f"the unit {quality.unit!r} of {where} is not supported", "use rows or percent")
    return [
        Limit(
            operator,
            _bounds(operator, getattr(quality, operator), where, takes_booleans),
            quality.unit == "percent",
        )
        for operator in given
    ]


def warns_only(quality: DataQuality, where: str) -> bool:
    """Whether a broken rule is only told of.

    Raises:
        StepError: kind `ContractInvalid`, when the severity is not known.
    """
    if quality.severity not in (None, "error", *WARNING_SEVERITIES):
        raise invalid(
            f"the severity {quality.severity!r} of {where} is not known", "use error, warning or info"
        )
    return quality.severity in WARNING_SEVERITIES


def _bounds(operator: str, value: Any, where: str, takes_booleans: bool) -> tuple[float, ...]:
    is_range = operator.endswith("Between")
    bounds = tuple(value) if is_range else (value,)
    if takes_booleans and operator in ("mustBe", "mustNotBe") and isinstance(value, bool):
        return bounds
    if not all(map(is_number, bounds)):
        raise invalid(f"{operator} of {where} is no number: {value!r}", "correct it")
    if bounds[0] > bounds[-1]:
        raise invalid(f"{operator} of {where} has its upper end first: {value!r}", "put the lower end first")
    return bounds


def is_number(value: Any) -> bool:
    """Whether a value of the document is a number; YAML's true, false and .nan are none."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and not is_nan
