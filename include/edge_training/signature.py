"""Holds a model's signature against its data contract: who asks the model later has the contract's columns.

Sources: MLflow's `MLmodel` (`signature.inputs`, JSON text of columns with `name` and `type`, or of tensors,
which may have no names) and the Open Data Contract Standard's `logicalType`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from edge_runner.listing import MODEL_FILE_PATH
from edge_training.bundle import read_files
from edge_training.errors import NoModel

NUMBERS: Final = frozenset({"integer", "long", "float", "double"})
MOMENTS: Final = frozenset({"datetime", "string"})
FITTING: Final[Mapping[str, Collection[str]]] = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "string": {"string"},
    "boolean": {"boolean", *NUMBERS},
    "date": MOMENTS,
    "timestamp": MOMENTS,
    "time": MOMENTS,
}
"""Which of MLflow's types a column of the contract may have in a signature; others may have any."""


def require_fit(bundle: Path, contract: str, derived: Collection[str]) -> None:
    """Make sure that a bundle has a model, and that it asks for nothing that the contract does not have.

    A model without a signature, or with one without names, asks for nothing by name.

    Args:
        bundle: The stored bundle.
        contract: The contract's text.
        derived: Inputs that whoever asks the model computes.

    Raises:
        NoModel: It has none, or one that does not fit.
    """
    inputs = dict(_inputs(_model_file(bundle)))
    known = _columns(contract)
    if not known:
        return
    strange = sorted(inputs.keys() - known.keys() - set(derived))
    if strange:
        raise NoModel(
            f"The model's signature asks for {', '.join(map(repr, strange))}, which the contract does not "
            "have; train on the contract's columns, or name computed ones in `derived_inputs` of the "
            "ModelProject."
        )
    for name, kind in inputs.items():
        fitting = FITTING.get(known.get(name, ""), {kind})
        if kind not in fitting:
            raise NoModel(
                f"The model's signature has {name!r} as {kind}, the contract as {known[name]}; give the "
                f"signature one of {', '.join(sorted(fitting))}, or correct the contract."
            )


def _model_file(bundle: Path) -> Mapping[str, Any]:
    for member, content in read_files(bundle):
        if member.name == MODEL_FILE_PATH:
            found = yaml.safe_load(content)
            return found if isinstance(found, dict) else {}
    raise NoModel("The bundle has no file MLmodel; let the script save an MLflow model into EDGE_MODEL_DIR.")


def _inputs(model_file: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and type of each input that has a name."""
    signature = model_file.get("signature") or {}
    for column in json.loads(signature.get("inputs") or "[]"):
        if name := column.get("name"):
            yield str(name), str(column.get("type"))


def _columns(contract: str) -> dict[str, str]:
    """The logical type of each column that a table of the contract has, by the name it has in the data."""
    tables = (yaml.safe_load(contract) or {}).get("schema") or []
    return {
        str(column.get("physicalName") or column["name"]): str(column.get("logicalType") or "")
        for table in tables[:1]
        if table.get("physicalType") != "files"
        for column in table.get("properties") or []
    }
