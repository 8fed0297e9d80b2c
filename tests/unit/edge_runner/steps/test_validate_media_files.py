"""The step on files that are no tables: one row each."""

from __future__ import annotations

import io

from PIL import Image
from tests.unit.edge_runner.contracts.documents import column, contract
from tests.unit.edge_runner.steps.validating import put, refusal, run

IMAGES = contract(
    column("size_bytes", logicalTypeOptions={"minimum": 100}),
    column("media_type", "string", enum=[{"value": "image/png"}]),
    column(
        "decodable",
        "boolean",
        quality=[
            {
                "metric": "invalidValues",
                "arguments": {"validValues": [True]},
                "unit": "percent",
                "mustBeLessThan": 25,
            }
        ],
    ),
    quality=[{"metric": "rowCount", "mustBeGreaterThan": 2}],
)
FILES = IMAGES.replace("name: t\n", "name: t\n  physicalType: files\n")


def png(size=64):
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 50).save(buffer, "PNG")
    return buffer.getvalue()


def test_files_that_are_no_tables_have_contracts_too(dirs):
    for number in range(4):
        put(dirs, f"train/{number}.png", png())
    put(dirs, "holdout/9.png", png())
    report = run(dirs, FILES)
    assert (report["rows"], report["partition_rows"]) == (5, 1)
    assert {rule["outcome"] for rule in report["rules"]} == {"passed"}


def test_files_that_are_small_of_another_type_or_damaged_are_counted(dirs):
    put(dirs, "train/a.png", png())
    put(dirs, "train/b.png", png()[:2000])
    put(dirs, "train/c.png", b"no image")
    put(dirs, "holdout/d.jpg", png())
    error = refusal(dirs, FILES)
    counts = {rule["rule"]: (rule["failed_rows"], rule["outcome"]) for rule in error.details["rules"]}
    assert counts == {
        "rowCount": (0, "passed"),
        "minimum": (1, "failed"),
        "enum": (0, "passed"),
        "invalidValues": (2, "failed"),
    }


def test_partition_without_files_is_rejected(dirs):
    put(dirs, "train/a.png", png())
    (dirs.data / "holdout").mkdir()
    assert "has no rows in 0 files" in refusal(dirs, FILES).message
