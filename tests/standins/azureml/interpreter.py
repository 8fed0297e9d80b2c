"""Programs for the interpreter with the real clients, and an MLflow server for what lies behind them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_site import environments
from local_site.environments import site_python
from local_site.layout import Layout
from local_site.model_registry import model_registry
from local_site.processes import Supervisor
from local_site.settings import Settings

LIMIT_S = 240
MARK = "RESULT "


class ProgramFailed(Exception):
    """A program in the other interpreter ended with an exception.

    Attributes:
        kind: The exception's class there.
        message: What it says.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


Step = tuple[str, dict[str, Any]]
"""A function's name and its arguments."""


@dataclass(frozen=True)
class Program:
    """A file whose functions are called in another interpreter.

    Attributes:
        python: The interpreter.
        file: The file; it hands its functions to `main` of a module `calling` beside it.
        environment: All that its processes know.
        directory: Where they work.
        always: Arguments of every call.
    """

    python: Path
    file: Path
    environment: Mapping[str, str]
    directory: Path
    always: Mapping[str, Any]

    def __call__(
        self, function: str, /, *, settings: Mapping[str, str] | None = None, **arguments: Any
    ) -> Any:
        """Call one function in a process of its own, with further environment variables."""
        return self.each((function, arguments), settings=settings)[0]

    def each(self, *steps: Step, settings: Mapping[str, str] | None = None) -> list[Any]:
        """Call functions one after the other in one process; gives what each returned.

        Raises:
            ProgramFailed: One of them raised an exception; those after it were not called.
        """
        done = subprocess.run(
            [self.python, self.file],
            input=json.dumps([(name, {**self.always, **arguments}) for name, arguments in steps]),
            env={"PATH": os.environ["PATH"], **self.environment, **(settings or {})},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        said = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
        if not said:
            raise ProgramFailed("ended without a result", done.stderr[-2000:])
        result = json.loads(said[-1].removeprefix(MARK))
        if "error" in result:
            raise ProgramFailed(result["error"], result["message"])
        return list(result["values"])


def azureml_python(settings: Settings, log_file: Path) -> Path:
    """The interpreter with azureml-core and azureml-mlflow; its environment is made at first use."""
    return environments.azureml_python(settings.cache_dir, settings.root, log_file)


@contextmanager
def running_mlflow(settings: Settings, folder: Path) -> Iterator[str]:
    """Run an MLflow server that keeps everything in a folder; gives its URL."""
    python = site_python(
        settings.cache_dir, settings.root / "requirements-local-site.txt", folder / "install.log"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    layout = Layout(folder, folder)
    supervisor, spec = Supervisor(layout), model_registry(layout, python, port)
    supervisor.ensure(spec)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        supervisor.stop(spec.name)
