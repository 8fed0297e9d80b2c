"""What a compiled contract is made of: columns with their types, and rules with what they allow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

OPERATORS = {
    "mustBe": "must be {}",
    "mustNotBe": "must not be {}",
    "mustBeGreaterThan": "must be greater than {}",
    "mustBeGreaterOrEqualTo": "must be at least {}",
    "mustBeLessThan": "must be less than {}",
    "mustBeLessOrEqualTo": "must be at most {}",
    "mustBeBetween": "must be between {} and {}",
    "mustNotBeBetween": "must not be between {} and {}",
}
FILE = "edge_file"
"""The column that says which file a row is from, where it is asked for; a contract has none of that name."""


class Metric(StrEnum):
    """What a rule counts. Nulls count for `NULLS`, `MISSING` (when listed) and `ROWS` only."""

    ROWS = "rowCount"
    NULLS = "nullValues"
    """With a path as argument: objects whose field of that path is null."""
    MISSING = "missingValues"
    NOT_IN_SET = "validValues"
    NOT_MATCHING = "pattern"
    DUPLICATES = "duplicateValues"
    """Rows whose value, or combination of values, stood in an earlier row: rows minus distinct values."""
    BELOW = "minimum"
    NOT_ABOVE = "exclusiveMinimum"
    ABOVE = "maximum"
    NOT_BELOW = "exclusiveMaximum"
    NO_MULTIPLE = "multipleOf"
    SHORTER = "minLength"
    LONGER = "maxLength"
    OF_ANOTHER_FORMAT = "format"
    """Strings that are no email address, uuid and so on."""
    OUT_OF_BITS = "bits"
    """Numbers that do not fit into the bits that a format such as i16 names."""
    FEWER_ITEMS = "minItems"
    MORE_ITEMS = "maxItems"
    REPEATED_ITEMS = "uniqueItems"
    WRONG_TYPE = "type"
    """Cells of a text file that cannot be read as the column's type."""
    SQL = "sql"
    """The one value of a query."""
    AGE = "freshness"
    """How much older than the end of the partition's day the newest value is."""
    TEXT = "text"
    """A sentence for people, which no machine checks."""


@dataclass(frozen=True)
class Column:
    """What the contract says about a column's type.

    Attributes:
        name: Name in the data.
        logical_type: The contract's, or None when it leaves the type open.
        physical_type: Upper-case name of the type in the file, without length, or None.
        sizes: The numbers in brackets behind the physical type: length, or precision and scale.
        has_timezone: For timestamps: whether a zone must be there; None leaves it open.
        timezone: What a timestamp without a zone is read in.
        pattern: How a text file writes a date, timestamp or time, in the letters of the JDK's
            `DateTimeFormatter`; None for ISO 8601.
        fields: The fields of an object that the contract describes.
        item: What an array is made of, if the contract says so.
        required: Whether a null is refused; told here for the fields of objects.
    """

    name: str
    logical_type: str | None
    physical_type: str | None = None
    sizes: tuple[int, ...] = ()
    has_timezone: bool | None = None
    timezone: str = "UTC"
    pattern: str | None = None
    fields: tuple[Column, ...] = ()
    item: Column | None = None
    required: bool = False


@dataclass(frozen=True)
class Limit:
    """How much of what a rule counts is allowed."""

    operator: str
    bounds: tuple[float, ...]
    in_percent: bool

    def allows(self, measured: float) -> bool:
        """Whether a count, or a share in percent, keeps the limit; between includes both ends."""
        low, high = self.bounds[0], self.bounds[-1]
        return {
            "mustBe": measured == low,
            "mustNotBe": measured != low,
            "mustBeGreaterThan": measured > low,
            "mustBeGreaterOrEqualTo": measured >= low,
            "mustBeLessThan": measured < low,
            "mustBeLessOrEqualTo": measured <= low,
            "mustBeBetween": low <= measured <= high,
            "mustNotBeBetween": not low <= measured <= high,
        }[self.operator]

    def __str__(self) -> str:
        """The limit as the end of a sentence."""
        bounds = (f"{bound:.15g}" if type(bound) is not bool else str(bound).lower() for bound in self.bounds)
        return OPERATORS[self.operator].format(*bounds) + (" percent" if self.in_percent else "")


NONE_ALLOWED = Limit("mustBe", (0,), in_percent=False)


@dataclass(frozen=True)
class Rule:
    """One check.

    Attributes:
        name: How the contract calls it.
        metric: What is counted.
        columns: In which columns; empty for the whole table.
        argument: What the metric needs: a bound, a pattern, a tuple of values, a query.
        limit: How much is allowed.
        warns_only: Whether a broken rule is reported but does not end the run.
    """

    name: str
    metric: Metric
    columns: tuple[str, ...]
    argument: Any = None
    limit: Limit = NONE_ALLOWED
    warns_only: bool = False


@dataclass(frozen=True)
class Contract:
    """A compiled contract.

    Attributes:
        table: The name of its schema object.
        kind: Whether it describes the rows of tables, or files that are no tables, one row each.
        columns: Its columns.
        rules: Its rules.
        digest: SHA-256 of its text.
    """

    table: str
    kind: Literal["rows", "files"]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    digest: str
