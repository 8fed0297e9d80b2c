"""The cache's index: which pinned blob is which object, and when each object was last checked and used.

SQLite, so that several runs may use it at once and a crash leaves it whole. A damaged database is set aside;
the blobs are then downloaded again.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from edge_runner.cache.layout import boot_id

LOCK_WAIT_S = 120.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    address TEXT PRIMARY KEY, size INTEGER NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    boot_id TEXT NOT NULL, checked_s REAL NOT NULL, used_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins (pin TEXT PRIMARY KEY, address TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pins_by_address ON pins (address);
CREATE TABLE IF NOT EXISTS views (data_digest TEXT PRIMARY KEY, used_s REAL NOT NULL) WITHOUT ROWID;
CREATE TEMPORARY TABLE wanted (pin TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Entry(NamedTuple):
    """What is known of an object; a tuple, because there are many.

    Attributes:
        address: BLAKE3 digest of its content, in hex.
        size: Length in bytes.
        inode: Of the file that was checked.
        mtime_ns: Of the same; another one means that somebody has written to it.
        boot_id: The machine's start in which it was checked.
        checked_s: When its content was last hashed, in seconds since 1970.
    """

    address: str
    size: int
    inode: int
    mtime_ns: int
    boot_id: str
    checked_s: float

    @classmethod
    def of(cls, address: str, file: os.stat_result) -> Entry:
        """What is known of an object whose content has just been hashed."""
        return cls(address, file.st_size, file.st_ino, file.st_mtime_ns, boot_id(), time.time())


class Index:
    """An open index; used by one thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def use(self, pins: Sequence[str], now_s: float) -> dict[str, Entry]:
        """What is known of pinned blobs; from now on they count as used, so nobody evicts them."""
        with self._transaction():
            self._database.execute("DELETE FROM wanted")
            self._database.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((pin,) for pin in pins))
            self._database.execute(
                "UPDATE objects SET used_s = max(used_s, ?) "
                "WHERE address IN (SELECT address FROM pins JOIN wanted USING (pin))",
                (now_s,),
            )
            rows = self._database.execute(
                "SELECT pin, address, size, inode, mtime_ns, boot_id, checked_s "
                "FROM wanted JOIN pins USING (pin) JOIN objects USING (address)"
            ).fetchall()
        return {pin: Entry(*fields) for pin, *fields in rows}

    def record(self, entries: Sequence[tuple[str, Entry]], now_s: float) -> None:
        """Remember pinned blobs whose content has just been checked."""
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((*entry, now_s) for _, entry in entries),
            )
            self._database.executemany(
                "INSERT OR REPLACE INTO pins VALUES (?, ?)", ((pin, entry.address) for pin, entry in entries)
            )

    def use_view(self, data_digest: str, now_s: float) -> None:
        """A view is used from now on."""
        with self._transaction():
            self._database.execute("INSERT OR REPLACE INTO views VALUES (?, ?)", (data_digest, now_s))

    def size_bytes(self) -> int:
        """All objects together."""
        (found,) = self._database.execute("SELECT coalesce(sum(size), 0) FROM objects").fetchone()
        return int(found)

    def unused_bytes(self, cutoff_s: float) -> int:
        """All objects together that were not used since a time."""
        rows = self._database.execute(
            "SELECT coalesce(sum(size), 0) FROM objects WHERE used_s < ?", (cutoff_s,)
        )
        return int(rows.fetchone()[0])

    def addresses(self) -> set[str]:
        """Every known object."""
        return {address for (address,) in self._database.execute("SELECT address FROM objects")}

    def is_view_used_since(self, data_digest: str, cutoff_s: float) -> bool:
        """Whether a view was used at that time or later."""
        rows = self._database.execute(
            "SELECT 1 FROM views WHERE data_digest = ? AND used_s >= ?", (data_digest, cutoff_s)
        )
        return rows.fetchone() is not None

    def take_unused(self, cutoff_s: float, size_bytes: int) -> list[str]:
        """Forget the objects that were not used since a time, those of the longest ago first, until they hold
        so many bytes; gives their addresses.
        """
        taken: list[str] = []
        with self._transaction():
            found = self._database.execute(
                "SELECT address, size FROM objects WHERE used_s < ? ORDER BY used_s, address", (cutoff_s,)
            ).fetchall()
            for address, size in found:
                if size_bytes <= 0:
                    break
                taken.append(address)
                size_bytes -= size
            keys = [(address,) for address in taken]
            self._database.executemany("DELETE FROM objects WHERE address = ?", keys)
            self._database.executemany("DELETE FROM pins WHERE address = ?", keys)
            self._database.execute("DELETE FROM views WHERE used_s < ?", (cutoff_s,))
        return taken

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:  # a full disk ends it by itself
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


@contextmanager
def opened(path: Path) -> Iterator[Index]:
    """The index, for the length of a `with`.

    Raises:
        OSError: There is no room for it.
    """
    try:
        with closing(_connect(path)) as database:
            yield Index(database)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _checked(path)
    except sqlite3.OperationalError:
        raise  # no room, or locked for minutes: the database itself is whole
    except sqlite3.DatabaseError:
        path.replace(path.with_suffix(".damaged"))
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        return _checked(path)


def _checked(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
    try:
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(SCHEMA)
    except BaseException:
        database.close()
        raise
    return database
