"""Our end of the bridge to a model registry whose client lives in another interpreter.

The other process is started at the first call and serves until we close the bridge, forget it or end; it
ends when its standard input does, so it also ends with a task that is killed. Whatever it does not answer in
time is given up by ending it: every call is safe to repeat.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from threading import Lock, Thread
from typing import IO, Any, TypeVar
from weakref import finalize

from edge_training.adapters.bridge.protocol import OPEN, line, message
from edge_training.errors import EdgeError, ModelRegistryRefused, ModelRegistryUnavailable, error_of_kind

log = logging.getLogger(__name__)
T = TypeVar("T")

SERVER_MODULE = "edge_training.adapters.bridge.server"
INCLUDE_DIR = Path(__file__).parents[3]
LIMIT_S = 300.0
END_LIMIT_S = 5.0
KEPT_LINES = 20
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Of our environment; Airflow's own settings and secrets are nobody else's business."""


class Bridge:
    """A process of another interpreter that makes calls for us, one after the other."""

    def __init__(
        self,
        python: Path,
        registry: Mapping[str, Any],
        module: str = SERVER_MODULE,
        environment: Mapping[str, str] | None = None,
        lock_file: str = "requirements-azureml.txt",
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            python: The other interpreter.
            registry: What is opened there: `kind`, and what `server.OPENERS` asks for; may hold secrets.
            module: What serves there.
            environment: All that it sees; None for little of ours.
            lock_file: What the interpreter's environment is made from, for people.
        """
        self._python = python
        self._registry = registry
        self._module = module
        self._lock_file = lock_file
        self._environment = environment if environment is not None else little_of_ours()
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge")
        self._process: subprocess.Popen[bytes] | None = None
        self._end_process: Callable[[], int | None] = lambda: None
        self._answers: Queue[bytes] = Queue()
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)

    def call(self, call: str, limit_s: float = LIMIT_S, /, **arguments: Any) -> Any:
        """Have a call made, and give its value.

        Raises:
            EdgeError: What the other end raised, by its kind; `ModelRegistryUnavailable`, when it died or did
                not answer in time; `ModelRegistryRefused`, when there is no such interpreter;
                `ProtocolMismatch`.
        """
        with self._lock:
            if self._process is None:
                self._start()
            return self._exchange(call, arguments, limit_s)

    async def in_turn(self, ask: Callable[..., T], *arguments: Any) -> T:
        """Make calls from an event loop, which goes on meanwhile.

        They wait in a thread of this bridge, one after the other: in the loop's own threads a few slow calls
        would hold up everybody else's. What is cancelled before its turn is not asked; what is being asked
        goes on without us.

        Args:
            ask: Makes calls of this bridge.
            arguments: Its arguments.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(ask, *arguments))

    def close(self) -> None:
        """End the other process, if it runs."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._answers, self._last_lines = Queue(), deque(maxlen=KEPT_LINES)
        try:
            process = subprocess.Popen(
                [self._python, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
            )
        except OSError as error:
            raise ModelRegistryRefused(
                f"The interpreter {self._python} cannot be started ({error.strerror}); make the environment "
                f"of {self._lock_file}, and name its python in the connection's extra `python`."
            ) from error
        # Whatever follows the process must not hold the bridge, or one that is forgotten would stay.
        told = ((process.stdout, self._answers.put), (process.stderr, partial(_say, self._last_lines)))
        for pipe, take in told:
            Thread(target=_follow, args=(pipe, take), daemon=True).start()
        self._process, self._end_process = process, finalize(self, _ended, process)
        try:
            self._exchange(OPEN, {"registry": self._registry}, LIMIT_S)
        except EdgeError:  # nothing is open there: the next call opens it anew, or is told the same
            self._end()
            raise

    def _exchange(self, name: str, arguments: Mapping[str, Any], limit_s: float) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line({"call": name, "arguments": arguments}))
            self._process.stdin.flush()
            answer = self._answers.get(timeout=limit_s)
        except Empty:
            self._end()
            raise ModelRegistryUnavailable(
                f"The model registry's client did not end `{name}` within {limit_s:g} s; it was ended and is "
                "tried again."
            ) from None
        except BrokenPipeError:
            answer = b""
        except BaseException:
            # The task is told to stop: its answer must not be taken for that of the next call.
            self._end()
            raise
        if not answer:
            raise self._died(name)
        found = message(answer)
        if error := found.get("error"):
            raise error_of_kind(error["kind"], error["message"], {})
        return found["value"]

    def _died(self, name: str) -> ModelRegistryUnavailable:
        code = self._end()
        said = " ".join(" ".join(self._last_lines).split())[-500:]
        return ModelRegistryUnavailable(
            f"The model registry's client in {self._python} ended in `{name}` with {code} ({said}); it is "
            "tried again. If it goes on, make that environment anew from {self._lock_file}."
        )

    def _end(self) -> int | None:
        """Let the process end, or kill it; gives its exit code."""
        self._process = None
        return self._end_process()


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that is let end, or killed."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended by itself
        process.stdin.close()
    try:
        return process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _say(last_lines: deque[str], text: bytes) -> None:
    if said := text.decode(errors="replace").rstrip():
        last_lines.append(said)
        log.info("%s", said)


def little_of_ours(proxy: str = "") -> dict[str, str]:
    """What the other process may see of our environment.

    Args:
        proxy: The way out, for it alone, instead of what our environment says.
    """
    kept = {name: value for name, value in os.environ.items() if name.upper() in PASSED_ON}
    if proxy:
        kept = {name: value for name, value in kept.items() if not name.upper().endswith("_PROXY")}
        kept["HTTPS_PROXY"] = proxy
    return {**kept, "PYTHONPATH": str(INCLUDE_DIR)}


def _follow(pipe: IO[bytes], take: Callable[[bytes], None]) -> None:
    """Hand on each line, and an empty one at the end."""
    with pipe:
        for text in pipe:
            take(text)
    take(b"")
