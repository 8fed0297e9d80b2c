"""How far a data set has moved from a reference: Population Stability Index and Jensen-Shannon distance.

The reference is a profile, so its counts are coarse already. The data are cut at the reference's own edges,
and their counts are made as coarse before anything is computed: what is told of drift is a function of counts
that may be told. A column without a value to compare is compared by its share of nulls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from edge_runner.profiles.disclosure import K, coarse
from edge_runner.profiles.measure import Measured
from edge_runner.profiles.scales import SCALES
from edge_runner.profiles.verdicts import MEASURES, worst

LEAST_SHARE = 1e-4
"""What an empty bin counts as for the Population Stability Index, which has no value at zero."""
DECILE = 0.1
EXPECTED_ROWS = 5 * K
"""Bins in which fewer rows are to be expected are counted together: for those, counts are too coarse."""
DIGITS = 4


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column has moved.

    Attributes:
        column: Its name.
        status: `compared`; `new` or `missing` where only the data or only the reference has it; `retyped`; or
            `empty` where a side has too few rows.
        psi: Population Stability Index, when compared.
        js: Jensen-Shannon distance, when compared.
        verdict: One of `verdicts.VERDICTS`.
    """

    column: str
    status: str
    psi: float | None = None
    js: float | None = None
    verdict: str = "unjudged"


def population_stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Sum of (a - e) ln(a / e) over the bins' shares, each taken as at least `LEAST_SHARE`.

    At least 0, and 0 for equal shares. Below 0.1 is commonly read as stable, above 0.25 as a shift. It is
    Jeffreys' divergence.

    Source: Siddiqi, "Credit Risk Scorecards", Wiley 2006, chapter 9; Jeffreys, Proc. R. Soc. A 186, 1946.

    Args:
        expected: Rows of the reference per bin, not all 0.
        actual: Rows of the data per bin, not all 0.
    """
    pairs = zip(_shares(expected), _shares(actual), strict=True)
    floored = [(max(share, LEAST_SHARE), max(other, LEAST_SHARE)) for share, other in pairs]
    return math.fsum((other - share) * math.log(other / share) for share, other in floored)


def jensen_shannon_distance(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Square root of the Jensen-Shannon divergence with base 2: a metric between 0 (equal) and 1 (disjoint).

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37(1), 1991; its
    root is a metric: Endres and Schindelin, IEEE Trans. Inf. Theory 49(7), 2003.

    Args:
        expected: Rows of the reference per bin, not all 0.
        actual: Rows of the data per bin, not all 0.
    """
    pairs = list(zip(_shares(expected), _shares(actual), strict=True))
    divergence = math.fsum(
        share * math.log2(share / ((first + second) / 2)) / 2
        for first, second in pairs
        for share in (first, second)
        if share > 0
    )
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def compare(
    columns: Sequence[Measured], reference: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> list[ColumnDrift]:
    """Compare what was measured with a split of a reference profile, column by column.

    Args:
        columns: What was measured.
        reference: One split of a profile.
        thresholds: `psi` and `js`, each with `warn` and `stop` or one of them; `ignore` lists columns
            that are compared without a verdict.
    """
    known = {column["name"]: column for column in reference["columns"]}
    found = [_compare_column(column, known.get(column.name)) for column in columns]
    missing = known.keys() - {column.name for column in columns}
    found += [ColumnDrift(name, "missing") for name in known if name in missing]
    return [judged(drift, thresholds) for drift in found]


def judged(drift: ColumnDrift, thresholds: Mapping[str, Any]) -> ColumnDrift:
    """The same with its verdict: a measure at or above a threshold reaches it."""
    if drift.status != "compared" or drift.column in thresholds.get("ignore", ()):
        return drift
    reached = [
        verdict if getattr(drift, measure) >= threshold else "ok"
        for measure in MEASURES
        for verdict, threshold in thresholds.get(measure, {}).items()
    ]
    return replace(drift, verdict=worst(reached))


def _compare_column(column: Measured, reference: Mapping[str, Any] | None) -> ColumnDrift:
    if reference is None:
        return ColumnDrift(column.name, "new")
    if reference["type"] != column.told_type:
        return ColumnDrift(column.name, "retyped")
    expected, actual = counts_of(column, reference)
    if not sum(expected) or not sum(actual):
        return ColumnDrift(column.name, "empty")
    return ColumnDrift(
        column.name,
        "compared",
        round(population_stability_index(expected, actual), DIGITS),
        round(jensen_shannon_distance(expected, actual), DIGITS),
    )


def counts_of(column: Measured, reference: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Rows per bin of the reference and of the data, coarse; the last bin holds nulls and NaN.

    Args:
        column: What was measured.
        reference: The same column of the reference.
    """
    k = column.k if reference["public"] else K
    expected, actual = _value_counts(column, reference, k)
    missing = [(reference["nulls"] or 0) + (reference["nans"] or 0)]
    return [*expected, *missing], [*actual, sum(_coarse([column.nulls, column.nans], k))]


def _value_counts(column: Measured, reference: Mapping[str, Any], k: int) -> tuple[list[int], list[int]]:
    if "bins" in reference and column.sketch is not None:
        scale, edges = SCALES[column.kind], reference["bins"]["edges"]
        expected = _told(reference["bins"]["counts"])
        actual = _coarse(column.sketch.split([scale.cut_of(edge) for edge in edges]), k)
        deciles = runs_of_bins(expected, max(DECILE, _least_share(column)) * sum(expected))
        return [sum(expected[part]) for part in deciles], [sum(actual[part]) for part in deciles]
    if "categories" in reference and column.distinct is not None:
        return _category_counts(column, reference, k)
    return _told([reference["values"]]), _coarse([column.present], k)


def runs_of_bins(counts: Sequence[int], least: float) -> list[slice]:
    """Runs of neighbouring bins that hold at least so much together; what is left over joins the run before.

    Empty bins at either end are runs of their own: rows below or above all of the reference are the clearest
    sign of drift that there is.
    """
    filled = [number for number, count in enumerate(counts) if count]
    first, end = (filled[0], filled[-1] + 1) if filled else (0, len(counts))
    bounds, since = [first], 0
    for number in range(first, end):
        since += counts[number]
        if since >= least:
            bounds.append(number + 1)
            since = 0
    if since and len(bounds) > 1:
        bounds.pop()
    return [slice(*ends) for ends in pairwise(sorted({0, *bounds, end, len(counts)}))]


def _category_counts(column: Measured, reference: Mapping[str, Any], k: int) -> tuple[list[int], list[int]]:
    """Rows of each large category, and of all others together."""
    counts = [(column.categories or {}).get(value, 0) for value, _ in reference["categories"]]
    expected = _told([*(count for _, count in reference["categories"]), reference["rest"]])
    actual = _coarse([*counts, column.present - sum(counts)], k)
    least = _least_share(column) * sum(expected)
    large = sum(count >= least for count in expected[:-1])  # they stand in descending order
    return (
        [*expected[:large], sum(expected[large:])],
        [*actual[:large], sum(actual[large:])],
    )


def _least_share(column: Measured) -> float:
    """The share of a bin in which enough rows are to be expected."""
    return EXPECTED_ROWS / max(column.present, 1)


def _coarse(counts: Sequence[int], k: int) -> list[int]:
    return _told([coarse(count, k) for count in counts])


def _told(counts: Sequence[int | None]) -> list[int]:
    return [count or 0 for count in counts]


def _shares(counts: Sequence[float]) -> list[float]:
    total = math.fsum(counts)
    return [count / total for count in counts]
