"""What a check of the data has to do with Airflow: the champion that all its tries compare with, and the link
to its report.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink, Context

from edge_training.ports.model_registry import ModelRegistry, ModelVersion

CHAMPION_KEY = "compared_with"
"""Where Airflow's store of the task holds which champion its tries compare with."""


class ValidationReportLink(BaseOperatorLink):
    """The report in the model registry, on the page of the task.

    Airflow asks for it in the worker when a try has ended, well or badly, and keeps the answer as an XCom.
    """

    name = "Validation report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Where the report is; empty when this try has left none."""
        return str(operator.report_url)


def champion_to_compare_with(context: Context, registry: ModelRegistry, name: str) -> ModelVersion | None:
    """The champion, the same one for all tries of a task: each adopts the job of the one before, although
    another model may become champion meanwhile.

    Whoever clears the task wants it compared anew; that is when Airflow raises its number of tries.

    Args:
        context: The task's.
        registry: Who knows the champion.
        name: The model's name.
    """
    store, max_tries = context["task_state_store"], context["ti"].max_tries
    chosen: Any = store.get(CHAMPION_KEY)
    if chosen and chosen["max_tries"] == max_tries:
        return registry.get(name, chosen["version"]) if chosen["version"] else None
    champion = registry.champion(name)
    store.set(CHAMPION_KEY, {"max_tries": max_tries, "version": champion.version if champion else ""})
    return champion
