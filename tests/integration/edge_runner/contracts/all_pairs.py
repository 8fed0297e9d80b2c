"""Every pair."""

from __future__ import annotations

from tests.integration.edge_runner.contracts import (
    column_pairs,
    file_pairs,
    quality_pairs,
    query_pairs,
    text_pairs,
)

PAIRS = (*column_pairs.PAIRS, *quality_pairs.PAIRS, *file_pairs.PAIRS, *query_pairs.PAIRS, *text_pairs.PAIRS)
