"""MLflow's file store for the threads of one script: a call waits until the one before it has ended.

`mlflow.autolog()` writes a run's parameters in a thread while it logs the model in another. The file store
makes a folder first and what is in it after that, and a reader in between gives up: once in some hundred
trainings the model was not logged, and nothing but a warning said so (MLflow 3.17). MLflow finds this module
by the entry point beside it; the script's `PYTHONPATH` leads to both.
"""

from __future__ import annotations

from functools import wraps
from inspect import isfunction
from threading import RLock
from typing import Any

from mlflow.store.tracking.file_store import FileStore

turn = RLock()


def in_turn(method: Any) -> Any:
    """A method that runs while no other one does."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with turn:
            return method(*args, **kwargs)

    return call


CALLS = {
    name: in_turn(found) for name, found in vars(FileStore).items() if isfunction(found) and name[0] != "_"
}
OneCallAtATime = type("OneCallAtATime", (FileStore,), CALLS)


def open_store(store_uri: str, **_: Any) -> Any:
    """The store in a folder, a `FileStore`, as MLflow asks for it.

    Args:
        store_uri: `file:` URI of the folder, or its path.
    """
    return OneCallAtATime(store_uri, store_uri)
