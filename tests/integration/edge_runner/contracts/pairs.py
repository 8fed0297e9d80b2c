"""The shape of a pair, a contract and its data; and what both programs say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from tests.unit.edge_runner.contracts.documents import contract

PASSED, FAILED, WARNED = "passed", "failed", "warned"
NOT_CHECKED = "not checked"
"""Nothing was said of the rule: not looked at, not known, or the run had ended before."""
REFUSED = "refused"
"""The contract itself was."""

SPLIT = "holdout"
"""The part of the staged data that holds the partition itself."""

Files = Mapping[str, pl.DataFrame | str]


@dataclass(frozen=True)
class Pair:
    """A contract, data, and the verdict of each rule.

    A rule is called by what asks for it and the columns: `minimum x`, `primaryKey a, b`, `present x`,
    `type x`, or by the name of a quality rule. `contract`, `partition` and `file` stand for the whole.

    Attributes:
        name: What the pair shows.
        contract: The YAML document.
        files: Data by file name, as a table or as text.
        expected: Our verdicts other than passed.
        theirs: The verdicts of datacontract-cli where they differ from ours.
        why: What explains that, a key of `differences.DIFFERENCES`.
    """

    name: str
    contract: str
    files: Files
    expected: Mapping[str, str] = field(default_factory=dict)
    theirs: Mapping[str, str] = field(default_factory=dict)
    why: str | None = None

    @property
    def suffix(self) -> str:
        """The kind of the files."""
        return Path(next(iter(self.files))).suffix

    def but(self, why: str, theirs: Mapping[str, str]) -> Pair:
        """The same with what datacontract-cli says instead."""
        return replace(self, why=why, theirs=theirs)

    def write(self, folder: Path) -> None:
        """Write the data below `data`, and the contract with the place of the data in it."""
        for name, content in self.files.items():
            path = folder / "data" / SPLIT / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content)
            else:
                content.write_parquet(path)
        document = yaml.safe_load(self.contract)
        place = {
            "type": "local",
            "path": f"{folder}/data/{SPLIT}/**/*{self.suffix}",
            "format": FORMATS[self.suffix],
        }
        document["servers"] = [{"server": "local", **place}]
        (folder / "contract.yaml").write_text(yaml.safe_dump(document))


FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json"}


def one(name: str, column: Mapping[str, Any], values: Iterable[Any] | pl.Series, /, *failed: str) -> Pair:
    """A pair about one column, whose rules pass but for those named."""
    data = values if isinstance(values, pl.Series) else pl.Series(list(values))
    frame = pl.DataFrame({column.get("physicalName", column["name"]): data})
    return Pair(name, contract(dict(column)), {"a.parquet": frame}, dict.fromkeys(failed, FAILED))


def unread(*rules: str) -> dict[str, str]:
    """Their verdicts when they cannot read the data: none of these rules is checked."""
    return {"file": FAILED} | dict.fromkeys(rules, NOT_CHECKED)


def table(frame: pl.DataFrame) -> Files:
    """One Parquet file."""
    return {"a.parquet": frame}
