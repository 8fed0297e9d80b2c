"""Parts of blobs, many read at once in one thread, each tried again for as long as that helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from edge_runner.blobs.errors import PassingTrouble, SignatureRefused
from edge_runner.blobs.http import ParallelHttpClient, UntrustedCertificate
from edge_runner.blobs.store import BlobStore, Part, Retries

LOOK_EVERY_S = 0.02
"""While nothing arrives, how often to ask whether there is more to read."""

AnyPart = TypeVar("AnyPart", bound=Part)


class PartReader(Generic[AnyPart]):
    """Reads parts of a container's blobs over several connections."""

    def __init__(self, store: BlobStore, connections: int) -> None:
        """Prepare; nothing is sent yet.

        Args:
            store: The container.
            connections: Most requests at the same time.
        """
        self._store = store
        self._http = ParallelHttpClient[AnyPart](store.access.ca_pem, connections)
        self._retries: dict[AnyPart, Retries] = {}
        self._resting: dict[AnyPart, float] = {}

    def read(self, next_part: Callable[[], AnyPart | None]) -> Iterator[AnyPart]:
        """Read parts until there are none; gives each when its buffer has it, in no certain order.

        Args:
            next_part: Gives what to read next, None when there is nothing now. While something is under way
                it is asked again.

        Raises:
            StepError: kind `DataChanged`, when a blob is gone or has another ETag; `DataCorrupt`, when one
                has another size; `StoreUnavailable`; `StoreRefused`; `AccessExpired`.
        """
        while self._ask(next_part) or self._http.is_busy or self._resting:
            if not self._http.is_busy:
                self._rest()
                continue
            for part, answer in self._http.answers(LOOK_EVERY_S):
                try:
                    self._store.judge(part, answer)
                except (PassingTrouble, SignatureRefused, UntrustedCertificate) as error:
                    self._resting[part] = time.monotonic() + self._retries_of(part).pause_s(error)
                else:
                    self._retries.pop(part, None)
                    yield part

    def close(self) -> None:
        """Break off what is under way."""
        self._http.close()

    def _ask(self, next_part: Callable[[], AnyPart | None]) -> bool:
        """Begin as many requests as there is room for; tells whether there was one."""
        asked = False
        while self._http.has_room and (part := self._rested() or next_part()) is not None:
            url, headers = self._store.request_for(part)
            self._http.ask(part, url, headers, part.buffer)
            asked = True
        return asked

    def _rested(self) -> AnyPart | None:
        """A part whose next try is due."""
        now_s = time.monotonic()
        part = next((part for part, due_s in self._resting.items() if due_s <= now_s), None)
        if part is not None:
            del self._resting[part]
        return part

    def _rest(self) -> None:
        """Pause until the next try is due."""
        part = min(self._resting, key=self._resting.__getitem__)
        self._store.retry.sleep(max(0.0, self._resting[part] - time.monotonic()))
        self._resting[part] = 0.0

    def _retries_of(self, part: AnyPart) -> Retries:
        return self._retries.setdefault(part, Retries(self._store.access, self._store.retry))
