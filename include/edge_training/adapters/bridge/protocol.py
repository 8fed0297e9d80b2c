"""What the two ends of the bridge say to each other: one JSON object per line, each with the version.

A request is `{"version", "call", "arguments"}`, its answer `{"version", "value"}` or `{"version", "error"}`.
A call is a port and a method of it, as `registry.find`; an error is `{"kind", "message"}`, where the kind is
a class of `errors`. The first call, `open`, says which registry is meant and who we are there; so secrets
travel neither in an argument of a process nor in its environment.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from edge_runner.frames import Point
from edge_training.bundle import Metric
from edge_training.errors import ProtocolMismatch
from edge_training.ports.model_registry import ModelVersion, Registration
from edge_training.ports.tracking import TrainingRun
from edge_training.ports.validations import KeptValidation, Validation

VERSION: Final = 1
OPEN: Final = "open"
_MARK = "$"
_DATACLASSES = {
    kind.__name__: kind
    for kind in (KeptValidation, Metric, ModelVersion, Point, Registration, TrainingRun, Validation)
}


def line(message: Mapping[str, Any]) -> bytes:
    """A message as it travels."""
    return json.dumps({"version": VERSION, **encoded(message)}).encode() + b"\n"


def message(text: bytes) -> dict[str, Any]:
    """A message that has arrived.

    Raises:
        ProtocolMismatch: It is none, or one of another version.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ProtocolMismatch(
            f"The other end of the bridge does not speak version {VERSION} of its protocol; use the same "
            "release of this project in both environments."
        )
    return {name: decoded(value) for name, value in found.items()}


def encoded(value: Any) -> Any:
    """A value as JSON has it; what JSON has not is an object of one name that begins with `$`.

    Raises:
        TypeError: It is of a kind that does not travel.
    """
    if is_dataclass(value) and not isinstance(value, type) and type(value).__name__ in _DATACLASSES:
        inner = {field.name: encoded(getattr(value, field.name)) for field in fields(value)}
        return {_MARK + type(value).__name__: inner}
    if isinstance(value, Path):
        return {_MARK + "path": str(value)}
    if isinstance(value, bytes):
        return {_MARK + "bytes": b64encode(value).decode()}
    if isinstance(value, Mapping):
        inner = {key: encoded(item) for key, item in value.items()}
        return {_MARK: inner} if any(key.startswith(_MARK) for key in inner) else inner
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Sequence):
        return [encoded(item) for item in value]
    raise TypeError(f"{type(value).__name__} does not travel over the bridge")


def decoded(value: Any) -> Any:
    """The inverse of `encoded`; every sequence becomes a list."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, inner = next(iter(value.items()), ("", None))
    return _DECODERS[kind](inner) if kind in _DECODERS else _items(value)


def _items(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decoded(item) for name, item in value.items()}


def _dataclass(kind: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda inner: kind(**_items(inner))


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    _MARK: _items,
    f"{_MARK}path": Path,
    f"{_MARK}bytes": b64decode,
    **{_MARK + name: _dataclass(kind) for name, kind in _DATACLASSES.items()},
}
