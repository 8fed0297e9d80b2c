"""Refusals of an MLflow server that are an answer: there is none, it is there already, it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

T = TypeVar("T")

CLASH = "BAD_REQUEST"
"""MLflow's word when its database refuses a statement, as when two writers insert the same row."""


def unless_absent(call: Callable[..., T], *arguments: str) -> T | None:
    """What a call gives, or None when there is no such thing."""
    return _unless(("RESOURCE_DOES_NOT_EXIST",), call, *arguments)


def unless_existing(call: Callable[..., T], *arguments: str) -> T | None:
    """What a call makes, or None when somebody made it before."""
    return _unless(("RESOURCE_ALREADY_EXISTS",), call, *arguments)


def unless_written(call: Callable[..., T], *arguments: Any) -> T | None:
    """What a call gives, or None when what it writes once has another value, or gets one at this moment."""
    return _unless(("INVALID_PARAMETER_VALUE", CLASH), call, *arguments)


def _unless(error_codes: Collection[str], call: Callable[..., T], *arguments: Any) -> T | None:
    from mlflow.exceptions import MlflowException

    try:
        return call(*arguments)
    except MlflowException as error:
        if error.error_code not in error_codes:
            raise
    return None
