"""A task explains itself with its operator's first paragraph, unless the DAG file says it better."""

from __future__ import annotations

from edge_airflow.operators.documented import DocumentedOperator, first_paragraph


class Sweep(DocumentedOperator):
    """Sweeps the floor,
    every night.

    Args:
        broom: Not shown.
    """


def test_the_first_paragraph_is_the_explanation():
    assert first_paragraph(Sweep) == "Sweeps the floor, every night."
    assert Sweep(task_id="sweep").doc_md == "Sweeps the floor, every night."


def test_a_dag_file_may_say_it_better():
    assert Sweep(task_id="sweep", doc_md="Only the hall.").doc_md == "Only the hall."
