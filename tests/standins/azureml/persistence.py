"""What the stand-in keeps: JSON documents in one SQLite file, written before a request is answered.

The file outlives the process, which is all that a test asks of it; it is not forced to the disk, which takes
some 10 ms for each write.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Documents:
    """Documents by kind and key; kinds are the rooms' own business."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(SCHEMA)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block or nothing, and nobody else meanwhile; blocks do not nest."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """A document, or None."""
        row = self._one("SELECT body FROM documents WHERE kind = ? AND key = ?", kind, key)
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Keep a document in the place of any other; gives it back."""
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, json.dumps(body))
            )
        return body

    def delete(self, kind: str, key: str) -> bool:
        """Forget a document; says whether there was one."""
        with self._lock:
            done = self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))
            return done.rowcount > 0

    def all(self, kind: str, prefix: str = "") -> list[dict[str, Any]]:
        """Documents whose key begins with the prefix, by key."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? AND substr(key, 1, ?) = ? ORDER BY key",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [json.loads(body) for (body,) in rows]

    def clear(self, *, but: str) -> None:
        """Forget everything but the documents of one kind."""
        with self.transaction():
            self._connection.execute("DELETE FROM documents WHERE kind <> ?", (but,))
            self._connection.execute("DELETE FROM counters")

    def next_number(self, name: str) -> int:
        """1, 2, 3 and so on; no number is given twice, whatever is deleted."""
        row = self._one(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
            " RETURNING value",
            name,
        )
        assert row is not None
        return int(row[0])

    def _one(self, statement: str, *values: str) -> tuple[Any, ...] | None:
        with self._lock:
            return self._connection.execute(statement, values).fetchone()
