"""Validates with Great Expectations on pandas, its engine for files on one machine.

It gets a whole frame, one validation definition, and is asked for no more than which expectations are met
(BOOLEAN_ONLY), which is the least work that it can be given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from benchmarks.validation import limits, measured

TYPES = {
    "id": "int64",
    "station": "int32",
    "visits": "float64",
    "temperature": "float64",
    "pressure": "float64",
    "status": "str",
    "serial": "str",
    "measured_at": "Timestamp",
    "day": "date",
    "valid": "bool",
}


def broken(folder: Path, rows: int) -> Sequence[str]:
    """Read the files and validate them as one frame."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("measurements")
    definition = asset.add_batch_definition_whole_dataframe("all")
    batch = definition.get_batch(batch_parameters={"dataframe": pd.read_parquet(folder)})
    suite = gx.ExpectationSuite("limits", expectations=list(expectations(rows)))
    result = batch.validate(suite, result_format="BOOLEAN_ONLY")
    return [named(each.expectation_config) for each in result.results if not each.success]


def expectations(rows: int) -> Iterator[gxe.Expectation]:
    """All limits."""
    yield gxe.ExpectTableRowCountToEqual(value=rows)
    for name, dtype in TYPES.items():
        yield gxe.ExpectColumnValuesToBeOfType(column=name, type_=dtype)
    for name in limits.REQUIRED:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name)
    for name, percent in limits.NULLS_AT_MOST_PERCENT.items():
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=1 - percent / 100)
    yield gxe.ExpectColumnValuesToBeUnique(column="id")
    yield gxe.ExpectColumnValuesToBeInSet(column="status", value_set=list(limits.STATUSES))
    yield gxe.ExpectColumnValuesToBeBetween(
        column="day", min_value=limits.FIRST_DAY, max_value=limits.LAST_DAY
    )
    oldest = limits.NOW - timedelta(days=limits.FRESH_DAYS)
    yield gxe.ExpectColumnMaxToBeBetween(column="measured_at", min_value=oldest)
    for name, (low, high) in limits.RANGES.items():
        yield gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
        ranges = {"quantiles": list(limits.QUANTILES), "value_ranges": [[low, high]] * len(limits.QUANTILES)}
        yield gxe.ExpectColumnQuantileValuesToBeBetween(column=name, quantile_ranges=ranges)


def named(config: ExpectationConfiguration) -> str:
    """An expectation as the report calls it."""
    return f"{config.kwargs.get('column')} {config.type}"


if __name__ == "__main__":
    measured.main(broken)
