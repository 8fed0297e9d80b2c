"""How the domain's errors end an Airflow task: retried when that can help, failed at once when it cannot,
skipped where the DAG file says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from edge_training.errors import EdgeError, PartitionSkipped

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def ends_with_a_sentence(method: Callable[P, R]) -> Callable[P, R]:
    """Turn an `EdgeError` into the Airflow exception that fits, with the sentence as its whole message.

    The sentence is also a line of the task's log, right above Airflow's own report of the exception; what
    else is known stands before it.
    """

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except EdgeError as error:
            failure = airflow_exception(error)
            if error.details:
                LOG.info("%s", json.dumps(error.details, indent=2))
            is_wanted = isinstance(failure, AirflowSkipException)
            LOG.log(logging.INFO if is_wanted else logging.ERROR, "%s", failure)
            raise failure from None

    return wrapper


def airflow_exception(error: EdgeError) -> Exception:
    """The exception that makes Airflow do what the error's class says."""
    sentence = f"{type(error).__name__}: {error}"
    if isinstance(error, PartitionSkipped):
        return AirflowSkipException(sentence)
    return AirflowException(sentence) if error.retryable else AirflowFailException(sentence)
