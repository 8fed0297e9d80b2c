"""The signature that a step reads the blob store with: short-lived, and replaced while the step runs.

It comes with the secrets at the start. Whoever watches the job delivers a new one before it ends (see
`renewal`), and at once when the step asks for one: the account's key may have been changed meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_runner.protocol import RENEWED_NAME, WANTED_NAME, Dirs

PATIENCE_S = 600.0
"""For how long a step whose signatures are refused waits for one that is not."""
LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Waiting:
    """How a step waits.

    Attributes:
        patience_s: For how long.
        now_s: Where time comes from.
        sleep: How to pause.
    """

    patience_s: float = PATIENCE_S
    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Signature:
    """The signature in use.

    Attributes:
        first: The query string that came with the start; never printed.
        renewed_file: Where a later one is found, in memory.
        wanted_file: Where the step asks for one; whoever watches the job sees it.
        waiting: How to wait for one.
        was_accepted: Whether the store has accepted one in this start of the step.
    """

    first: str = field(repr=False)
    renewed_file: Path
    wanted_file: Path
    waiting: Waiting = Waiting()
    was_accepted: bool = False
    _refused_s: float | None = None
    _sas: str = field(default="", repr=False)
    _looked_s: float | None = None

    @classmethod
    def of(cls, first: str, dirs: Dirs) -> Signature:
        """The signature of a step with these directories."""
        return cls(first, dirs.code / RENEWED_NAME, dirs.job / WANTED_NAME)

    @property
    def sas(self) -> str:
        """The query string to use now; looked for once a second."""
        now_s = self.waiting.now_s()
        if self._looked_s is None or now_s - self._looked_s >= LOOK_EVERY_S:
            self._sas, self._looked_s = self._read(), now_s
        return self._sas

    def _read(self) -> str:
        try:
            return str(json.loads(self.renewed_file.read_bytes())["sas"])
        except FileNotFoundError:
            return self.first

    def accepted(self) -> None:
        """Note that the store accepts the signature."""
        self.was_accepted, self._refused_s = True, None

    def may_be_replaced(self, refused: str, ended: bool) -> bool:
        """Whether another signature can help.

        What is wrong with one that never worked is wrong with the next one too. But the first one may be over
        before the step has begun, when the site had to fetch a large image.

        Args:
            refused: The query string that was refused.
            ended: Whether its time is over.
        """
        return self.was_accepted or (ended and refused == self.first)

    def is_replaced(self, refused: str) -> bool:
        """Wait until there is another signature than one that the store refuses.

        Args:
            refused: The query string that was refused.

        Returns:
            False when there is none, and the step has to end.
        """
        if self._refused_s is None:
            self._refused_s = self.waiting.now_s()
            print("The blob store no longer accepts the signature; a new one is waited for.", flush=True)
        give_up_s = self._refused_s + self.waiting.patience_s
        try:
            while self.sas == refused and self.waiting.now_s() < give_up_s:
                self.wanted_file.touch()
                self.waiting.sleep(LOOK_EVERY_S)
        finally:
            with suppress(FileNotFoundError):
                self.wanted_file.unlink()
        return self.sas != refused
