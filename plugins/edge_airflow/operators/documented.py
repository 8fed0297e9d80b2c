"""What all operators of ours share: a task is documented in the UI by its operator's first paragraph, and one
that was handed nothing says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow.sdk import BaseOperator

from edge_airflow.hooks.lookups import no_variable
from edge_training.errors import BadRequest


class DocumentedOperator(BaseOperator):
    """An operator whose tasks explain themselves in the UI unless the DAG file says it better.

    Attributes:
        handed_on: Fields that earlier tasks hand on.
        from_variables: Fields that are filled from Airflow's variables unless the DAG file says otherwise.
    """

    handed_on: ClassVar[tuple[str, ...]] = ()
    from_variables: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", first_paragraph(type(self)))
        super().__init__(**kwargs)

    def check_inputs(self) -> None:
        """Look whether every field has come; each `execute` begins with it.

        Not Airflow's `pre_execute`, which also runs when a trigger sends a task back: what a job has come to
        is taken although somebody clears an earlier task meanwhile.

        Raises:
            BadRequest: One has not, and a retry would not bring it.
            AirflowException: A secrets backend did not answer.
        """
        for field in self.handed_on:
            if getattr(self, field) is None:
                raise BadRequest(
                    f"{self.task_id} got no {field}: the task that hands it on was marked by hand or "
                    "skipped; clear it."
                )
        for field, variable in self.from_variables.items():
            if not getattr(self, field):
                raise no_variable(variable, field)


def first_paragraph(documented: type) -> str:
    """The first paragraph of a class's docstring, as one line."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
