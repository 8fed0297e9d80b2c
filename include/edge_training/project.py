"""One model's project: the folder a data scientist writes, and what the pipeline has to know about it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runner.gates import BOUNDS, RELATIVE
from edge_runner.globs import EVERYTHING
from edge_runner.profiles.disclosure import K
from edge_training import identity
from edge_training.bundle import ALLOWED, MAX_SIZE_BYTES
from edge_training.errors import BadRequest

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Gate:
    """A limit that a metric of the evaluation must keep; give exactly one of the four bounds.

    Attributes:
        metric: The metric's name, as the evaluation script writes it.
        at_most: The highest value allowed.
        at_least: The lowest value allowed.
        above_champion_by: How much higher than the champion's on the same holdout it may be, for metrics of
            which less is better; below 0, it must be lower by that much.
        below_champion_by: How much lower than the champion's it may be, for metrics of which more is better.
        slice: A column by which the script reports the metric, too; then the bound holds in every group.
        min_rows: Smaller groups do not count; 10 when it is left out, and never less.
    """

    metric: str
    at_most: float | None = None
    at_least: float | None = None
    above_champion_by: float | None = None
    below_champion_by: float | None = None
    slice: str = ""
    min_rows: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be judged after hours of training.

        Raises:
            BadRequest: There is not exactly one bound, it is no finite number, or the groups are too small.
        """
        if len(self._bounds) != 1:
            raise BadRequest(
                f"The gate on {self.metric} needs exactly one of {', '.join(BOUNDS)}; correct the DAG file."
            )
        name, limit = next(iter(self._bounds.items()))
        if type(limit) not in (int, float) or not math.isfinite(limit):
            raise BadRequest(f"{name} of the gate on {self.metric} is {limit!r}; give a finite number.")
        if self.min_rows is None:
            return
        if not self.slice:
            raise BadRequest(
                f"min_rows of the gate on {self.metric} counts the rows of groups; name their column in "
                "slice, or leave it out."
            )
        if self.min_rows < K:
            raise BadRequest(
                f"min_rows={self.min_rows} of the gate on {self.metric} would tell of fewer than {K} rows; "
                f"set it to {K} or more."
            )

    @property
    def is_relative(self) -> bool:
        """Whether it asks for the champion."""
        return next(iter(self._bounds)) in RELATIVE

    def request(self) -> dict[str, Any]:
        """The gate as the evaluation step reads it."""
        groups = {"slice": self.slice, "min_rows": self.min_rows or K} if self.slice else {}
        return {"metric": self.metric, **self._bounds, **groups}

    @property
    def _bounds(self) -> dict[str, float]:
        return {name: value for name in BOUNDS if (value := getattr(self, name)) is not None}


@dataclass(frozen=True)
class Ready:
    """When a partition counts as complete: all of this must hold for it, and for each of its window.

    Attributes:
        marker: A blob that the delivery writes last, e.g. `_SUCCESS`, by its name relative to the partition's
            prefix; it is no data. Empty for none.
        min_blobs: How many blobs of data there must be, at least.
        min_size_bytes: How many bytes they must have together, at least.
        quiet_s: How long none of them may have changed, on the store's clock.
    """

    marker: str = ""
    min_blobs: int = 1
    min_size_bytes: int = 0
    quiet_s: float = 0

    def __post_init__(self) -> None:
        """Refuse what would be ready always or never."""
        if self.marker.startswith("/") or self.marker.endswith("/"):
            raise BadRequest(
                f"The marker {self.marker!r} is no blob's name relative to the partition's prefix; take the "
                "slash off."
            )
        if self.min_blobs < 1 or self.min_size_bytes < 0 or self.quiet_s < 0:
            raise BadRequest(
                f"{self} asks for less than nothing; set min_blobs to 1 or more, min_size_bytes and quiet_s "
                "to 0 or more."
            )


@dataclass(frozen=True)
class Drift:
    """How far the training data may be from what the champion was trained on, column by column.

    Attributes:
        psi_warn: Population stability index of a column from which on the report warns; None for never.
        psi_stop: From which on the data is rejected.
        js_warn: The same of the Jensen-Shannon distance, which is between 0 and 1.
        js_stop: From which on the data is rejected.
        ignore: Columns that differ by their nature, such as those of the calendar.
    """

    psi_warn: float | None = 0.1
    psi_stop: float | None = None
    js_warn: float | None = None
    js_stop: float | None = None
    ignore: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse limits that could not be meant.

        Raises:
            BadRequest: A limit could never be reached, or by anything; a warning comes after the stop; or
                `ignore` is one name.
        """
        for name, most in (("psi_warn", math.inf), ("psi_stop", math.inf), ("js_warn", 1), ("js_stop", 1)):
            limit = getattr(self, name)
            if limit is not None and not (math.isfinite(limit) and 0 < limit <= most):
                raise BadRequest(
                    f"The drift limit {name} is {limit!r}; give a number above 0"
                    f"{' and at most 1' if most == 1 else ''}, or None for no limit."
                )
        for measure, (warn, stop) in self._limits().items():
            if warn is not None and stop is not None and warn > stop:
                raise BadRequest(
                    f"The drift limit {measure}_warn, {warn:g}, is above {measure}_stop, {stop:g}; let the "
                    "warning come first."
                )
        if isinstance(self.ignore, str):
            raise BadRequest(f"The drift's ignore is the text {self.ignore!r}; give a tuple of column names.")

    def request(self) -> dict[str, Any]:
        """The limits as the validation step reads them."""
        limits = {
            measure: {verdict: limit for verdict, limit in zip(("warn", "stop"), pair, strict=True) if limit}
            for measure, pair in self._limits().items()
        }
        return {**limits, "ignore": sorted(self.ignore)}

    def _limits(self) -> dict[str, tuple[float | None, float | None]]:
        return {"psi": (self.psi_warn, self.psi_stop), "js": (self.js_warn, self.js_stop)}


@dataclass(frozen=True)
class ModelProject:
    """What the pipeline has to know about a model.

    Attributes:
        name: The registered model's name, also the repository of its images: lower-case letters, digits,
            `_` and `-`.
        folder: Code that travels to the site: the scripts, the contract, modules beside them.
        container: Blob container of the data.
        prefix: Where a partition's blobs are; `{partition}` stands for its key.
        include: Patterns of the blobs that are data, relative to that prefix: `*` stays within a folder, `**`
            is any number of folders.
        exclude: Patterns of blobs that are no data although they are included.
        ready: When a partition counts as complete.
        contract: ODCS file, relative to the folder.
        training_script: Relative to the folder.
        evaluation_script: Relative to the folder.
        seed: Seed of all randomness.
        gates: Limits that the evaluation must keep.
        drift: How far the data may be from what the champion was trained on.
        training_limit_s: How long training may take.
        min_free_disk_bytes: What must be free on the site's disk before a training starts.
        derived_inputs: Inputs of the model's signature that are no columns of the contract: whoever asks the
            model computes them.
        may_leave: Patterns of the files that may leave the site.
        max_bundle_bytes: How much may leave.
    """

    name: str
    folder: Path
    container: str
    prefix: str
    include: tuple[str, ...] = EVERYTHING
    exclude: tuple[str, ...] = ()
    ready: Ready = Ready(quiet_s=60)
    contract: str = "contract.yaml"
    training_script: str = "train.py"
    evaluation_script: str = "evaluate.py"
    seed: int = 20130101
    gates: tuple[Gate, ...] = ()
    drift: Drift = Drift()
    training_limit_s: int = 4 * 3600
    min_free_disk_bytes: int = 5 * 2**30
    derived_inputs: tuple[str, ...] = ()
    may_leave: tuple[str, ...] = ALLOWED
    max_bundle_bytes: int = MAX_SIZE_BYTES

    def __post_init__(self) -> None:
        """Refuse a name that a registry would refuse later."""
        if not NAME.fullmatch(self.name):
            raise BadRequest(
                f"The model name {self.name!r} is not allowed; use lower-case letters, digits, '_' and '-'."
            )
        if "{partition}" not in self.prefix:
            raise BadRequest(
                f"The prefix {self.prefix!r} of {self.name} lacks {{partition}}; every partition needs "
                "blobs of its own."
            )
        if self.prefix.endswith("{partition}"):
            raise BadRequest(
                f"The prefix {self.prefix!r} of {self.name} also fits partitions whose key only begins like "
                "another's; end it with what follows the key in the blobs' names, such as '/'."
            )
        if self.prefix.startswith("/"):
            raise BadRequest(
                f"The prefix {self.prefix!r} of {self.name} begins with a slash, and no blob's name that can "
                "be a file does; take it off."
            )
        for field in ("include", "exclude"):
            _require_patterns(f"`{field}` of {self.name}", getattr(self, field))
        _require_tuple(f"`derived_inputs` of {self.name}", self.derived_inputs, "names")
        if not self.include:
            raise BadRequest(f"`include` of {self.name} is empty; leave it out to include everything.")

    def partition_prefix(self, key: str) -> str:
        """Where a partition's blobs are."""
        return self.prefix.replace("{partition}", key)

    def selection(self) -> dict[str, Any]:
        """What steps are told of the blobs that are data, and of when they are complete."""
        return {
            "include": list(self.include),
            "exclude": list(self.exclude),
            "ready": asdict(self.ready),
        }

    @property
    def asks_for_champion(self) -> bool:
        """Whether a gate compares with the champion."""
        return any(gate.is_relative for gate in self.gates)

    @property
    def prefix_of_all(self) -> str:
        """What the blobs of all partitions begin with."""
        return self.prefix.partition("{partition}")[0]

    def code(self) -> dict[str, bytes]:
        """The files that training and evaluation are made of, by relative path.

        The contract, which is checked before them, and texts for people are not among them.

        Raises:
            BadRequest: There is no such folder.
        """
        if not self.folder.is_dir():
            raise BadRequest(
                f"The model's folder {self.folder} does not exist; correct `folder` in the DAG file."
            )
        files = identity.read_code(self.folder)
        return {path: files[path] for path in files if path != self.contract and not path.endswith(".md")}

    def contract_text(self) -> str:
        """The contract's text.

        Raises:
            BadRequest: There is no such file.
        """
        path = self.folder / self.contract
        if not path.is_file():
            raise BadRequest(
                f"The contract {path} does not exist; add it or correct `contract` in the DAG file."
            )
        return path.read_text()


def _require_tuple(what: str, value: Any, of: str) -> None:
    if isinstance(value, str):
        raise BadRequest(f"{what} is a text; write ({value!r},), a tuple of {of}.")


def _require_patterns(what: str, patterns: Any) -> None:
    _require_tuple(what, patterns, "patterns")
