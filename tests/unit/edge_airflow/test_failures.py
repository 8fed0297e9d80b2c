"""The domain's errors end a task the way their class says, with one sentence as the whole message."""

from __future__ import annotations

import inspect

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from edge_airflow.failures import airflow_exception, ends_with_a_sentence
from edge_training import errors

LEAVES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, errors.EdgeError) and not found.__subclasses__()
]


@pytest.mark.parametrize("kind", [kind for kind in LEAVES if kind is not errors.PartitionSkipped])
def test_what_a_retry_can_mend_is_retried_and_nothing_else(kind):
    exception = airflow_exception(kind("It broke; mend it."))
    assert isinstance(exception, AirflowFailException) is not kind.retryable
    assert isinstance(exception, AirflowException)
    assert str(exception) == f"{kind.__name__}: It broke; mend it."


def test_a_partition_that_is_to_be_left_out_skips_its_task():
    exception = airflow_exception(errors.PartitionSkipped("It did not come; it is left out."))
    assert isinstance(exception, AirflowSkipException)
    assert str(exception) == "PartitionSkipped: It did not come; it is left out."


def test_the_sentence_stands_alone():
    """No chain of library exceptions above it in the task's log."""

    @ends_with_a_sentence
    def execute() -> None:
        try:
            raise OSError("socket")
        except OSError:
            raise errors.DataRejected("Too many nulls.") from None

    with pytest.raises(AirflowFailException, match=r"^DataRejected: Too many nulls\.$") as caught:
        execute()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_is_no_error_of_ours_passes_unchanged():
    @ends_with_a_sentence
    def execute() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute()


def test_a_result_passes_unchanged():
    assert ends_with_a_sentence(lambda value: value)(7) == 7
