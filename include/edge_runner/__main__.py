"""Runs one step under a supervisor: read the request, do it, leave `result.json`, exit with a code that means
something.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runner import protocol
from edge_runner.output import Rate
from edge_runner.protocol import Dirs, StepError
from edge_runner.supervisor import supervise


def main(dirs: Dirs) -> int:
    """Run the step named in the request.

    Returns:
        The exit code: `EXIT_SUCCEEDED`, `EXIT_REFUSED` or `EXIT_DISK_FULL`.
    """
    try:
        return answer(dirs)
    except OSError as error:
        if error.errno not in protocol.UNWRITABLE:
            raise
        print(protocol.disk_full_sentence(error), flush=True)
        return protocol.EXIT_DISK_FULL


def answer(dirs: Dirs) -> int:
    """Run the step and leave its result."""
    (dirs.job / protocol.RESULT_NAME).unlink(missing_ok=True)  # an earlier try's must not speak for this one
    message = protocol.read_message((dirs.code / protocol.REQUEST_NAME).read_bytes(), "the request")
    step = str(message["step"])
    secrets = take_secrets(dirs)
    try:
        value = run_step(step, message["request"], secrets, dirs)
    except StepError as error:
        print(f"{step}: {error.kind}: {error.message}", flush=True)
        write_result(dirs, protocol.refused(step, error))
        return protocol.EXIT_REFUSED
    write_result(dirs, protocol.succeeded(step, value, container=platform.node()))
    return protocol.EXIT_SUCCEEDED


def is_done(dirs: Dirs) -> bool:
    """Whether this very container has done its work already, and was started again by somebody who had not
    heard of it.

    Another container on the same volume does its work anew.
    """
    try:
        result = protocol.read_message((dirs.job / protocol.RESULT_NAME).read_bytes(), "the result")
    except (OSError, StepError):
        return False
    return result.get("outcome") == "succeeded" and result.get("container") == platform.node()


def take_secrets(dirs: Dirs) -> dict[str, str]:
    """Read the secrets and remove their file, so that a script started later cannot read them."""
    path = dirs.code / protocol.SECRETS_NAME
    secrets = json.loads(path.read_bytes())
    path.unlink()
    return dict(secrets)


def run_step(step: str, request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Import the step and run it.

    A crash is reported by exception type and place only: the text of a library's exception can hold a row's
    value, and logs leave the site.

    Raises:
        StepError: The step's verdict, or kind `StepCrashed`.
    """
    try:
        module = importlib.import_module(f"edge_runner.steps.{step}")
        return dict(module.run(request, secrets, dirs))
    except StepError:
        raise
    except OSError as error:
        if error.errno in protocol.NO_ROOM:
            raise StepError("DiskFull", protocol.disk_full_sentence(error)) from None
        raise crash(step, error) from None
    except Exception as error:  # noqa: BLE001  (whatever a library raised must end as one sentence)
        raise crash(step, error) from None


def crash(step: str, error: Exception) -> StepError:
    """A crash by exception type and place."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:])
    return StepError(
        "StepCrashed",
        f"The step {step} crashed with {type(error).__name__} at {place}; report it with the task's log.",
    )


def write_result(dirs: Dirs, result: Mapping[str, Any]) -> None:
    """Leave the result where the worker reads it."""
    protocol.write_atomically(dirs.job / protocol.RESULT_NAME, protocol.canonical_json(result))


def show(frame: str) -> None:
    """Write a line to Docker's log, in UTF-8 whatever the image's locale."""
    sys.stdout.buffer.write(frame.encode(errors="backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    os.umask(0o022)
    if is_done(Dirs()):
        sys.exit(protocol.EXIT_SUCCEEDED)
    sys.exit(supervise(lambda: main(Dirs()), Dirs(), show, Rate()))
