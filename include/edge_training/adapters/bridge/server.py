"""The other end of the bridge, run by the other interpreter as a module.

It reads calls from standard input and answers on standard output, one line each, until its input ends. Then
nobody waits for an answer any more, and it ends, too, even within a call.
Whatever libraries print goes to standard error, which the other side shows in the task's log.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from queue import Queue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Final

from edge_training.adapters.bridge.protocol import OPEN, line, message
from edge_training.errors import EdgeError, StepCrashed
from edge_training.ports.compute_target import ComputeTarget
from edge_training.ports.model_registry import ModelRegistry
from edge_training.ports.tracking import LogArchive, TrainingRuns
from edge_training.ports.validations import ValidationArchive

if TYPE_CHECKING:
    from edge_training.adapters.mlflow.session import MlflowSession

CALL_END_S: Final = 2.0
"""How long a call may go on when nobody waits for it any more."""
Ports = Mapping[str, object]
"""What a registry is to us: an object for each of `PORTS` that is asked for, by name."""

PORTS: Mapping[str, type] = {
    "registry": ModelRegistry,
    "runs": TrainingRuns,
    "logs": LogArchive,
    "validations": ValidationArchive,
    "compute": ComputeTarget,
}
CALLS = frozenset(
    f"{name}.{method}" for name, port in PORTS.items() for method in vars(port) if method[0] != "_"
)


def open_mlflow(**options: Any) -> Ports:
    """An MLflow server; see `MlflowSession` for the options."""
    from edge_training.adapters.mlflow.session import MlflowSession

    return _ports_over(MlflowSession(**options))


def open_azureml_mlflow(**options: Any) -> Ports:
    """A workspace of Azure Machine Learning by MLflow's protocol; see `WorkspaceOptions`."""
    from edge_training.adapters.azureml.options import WorkspaceOptions
    from edge_training.adapters.azureml_mlflow.session import AzureMlMlflowSession

    return _ports_over(AzureMlMlflowSession(WorkspaceOptions(**options)))


def _ports_over(session: MlflowSession) -> Ports:
    from edge_training.adapters.mlflow.logs import MlflowLogArchive
    from edge_training.adapters.mlflow.registry import MlflowRegistry
    from edge_training.adapters.mlflow.training_runs import MlflowTrainingRuns
    from edge_training.adapters.mlflow.validations import MlflowValidationArchive

    return {
        "registry": MlflowRegistry(session),
        "runs": MlflowTrainingRuns(session),
        "logs": MlflowLogArchive(session),
        "validations": MlflowValidationArchive(session),
    }


def open_azureml(**options: Any) -> Ports:
    """A workspace of Azure Machine Learning; see `workspace.open_azureml` for the options."""
    from edge_training.adapters.azureml import workspace

    return workspace.open_azureml(**options)


OPENERS: Mapping[str, Callable[..., Ports]] = {
    "mlflow": open_mlflow,
    "azureml": open_azureml,
    "azureml-mlflow": open_azureml_mlflow,
}
"""By the registry's kind; each takes what else the client says of it."""


class Server:
    """Makes the calls that the other side asks for."""

    def __init__(self, openers: Mapping[str, Callable[..., Ports]] = OPENERS) -> None:
        """Nothing is open yet.

        Args:
            openers: Registries that may be opened, by kind.
        """
        self._openers = openers
        self._ports: Ports = {}

    def answer(self, text: bytes) -> bytes:
        """Answer one line; a fault of ours is an answer, too, so that the other side need not guess."""
        try:
            request = message(text)
            value = self._made(request["call"], request["arguments"])
        except EdgeError as error:
            return line({"error": {"kind": type(error).__name__, "message": str(error)}})
        except Exception as error:  # noqa: BLE001  (clients fail in ways of their own; it is told, not hidden)
            traceback.print_exc()
            said = f"A fault in the registry's client, {type(error).__name__}: {error}; report it."
            return line({"error": {"kind": StepCrashed.__name__, "message": said}})
        return line({"value": value})

    def _made(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == OPEN:
            options = dict(arguments["registry"])
            self._ports = self._openers[options.pop("kind")](**options)
            return None
        port, _, method = name.partition(".")
        if port not in self._ports or name not in CALLS:
            raise ValueError(f"no call {name!r} of an open registry")
        return getattr(self._ports[port], method)(**arguments)


def serve(openers: Mapping[str, Callable[..., Ports]] = OPENERS) -> None:
    """Serve until the input ends."""
    calls: Queue[bytes] = Queue()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        server = Server(openers)
        Thread(target=_read, args=(sys.stdin.buffer, calls), daemon=True).start()
        while text := calls.get():
            answers.write(server.answer(text))
            answers.flush()


def _read(pipe: IO[bytes], calls: Queue[bytes]) -> None:
    """Hand on each line, and an empty one at the end; then end a call that does not."""
    for text in pipe:
        calls.put(text)
    calls.put(b"")
    time.sleep(CALL_END_S)
    os._exit(os.EX_OK)


if __name__ == "__main__":
    serve()
