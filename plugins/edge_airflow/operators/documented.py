"""What all operators of ours share: a task is documented in the UI by its operator's first paragraph."""

from __future__ import annotations

import inspect
from typing import Any

from airflow.sdk import BaseOperator


class DocumentedOperator(BaseOperator):
    """An operator whose tasks explain themselves in the UI unless the DAG file says it better."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", first_paragraph(type(self)))
        super().__init__(**kwargs)


def first_paragraph(documented: type) -> str:
    """The first paragraph of a class's docstring, as one line."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
