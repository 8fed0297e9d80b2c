"""A user's project made from the example: its folder and its DAG file copied, one name replaced, nothing else
touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = "flight_delay"


@dataclass(frozen=True)
class Project:
    """A tree with `dags/` and `include/<model>/`, as the repository has them.

    Attributes:
        root: The tree.
        repository: Where the example is copied from.
    """

    root: Path
    repository: Path

    @property
    def dags_dir(self) -> Path:
        """What Airflow parses."""
        return self.root / "dags"

    def add_example(self) -> None:
        """The example as it is, with its deployment."""
        self.add_model(EXAMPLE)
        shutil.copy(self.repository / "dags" / f"deploy_{EXAMPLE}.py", self.dags_dir)

    def add_model(
        self, name: str, replace: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
    ) -> None:
        """Copy the example under another name.

        Args:
            name: The new model's name.
            replace: Further texts to replace in the DAG file; each must be there.
            files: Files of the model's folder to write anew.
        """
        folder = self.root / "include" / name
        shutil.copytree(
            self.repository / "include" / EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__")
        )
        for path, content in (files or {}).items():
            (folder / path).write_text(content)
        text = (self.repository / "dags" / f"train_{EXAMPLE}.py").read_text().replace(EXAMPLE, name)
        for old, new in (replace or {}).items():
            assert old in text, f"the example's DAG file no longer has {old!r}"
            text = text.replace(old, new)
        self.dags_dir.mkdir(parents=True, exist_ok=True)
        (self.dags_dir / f"train_{name}.py").write_text(text)
