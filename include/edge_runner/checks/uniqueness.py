"""Counts duplicates exactly, over any number of rows, in bounded memory.

Every value is hashed to 64 bits in one streaming pass. Where there are many, the hashes are spread over files
by their first bits, and each file is small enough to be sorted in memory. A hash that stands once belongs to
a value that stands once. Only hashes that stand more than once need a look at the values themselves, for two
values may share a hash: a second pass counts the distinct values among them. A unique column, the usual case,
needs none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

PARTITION_BITS = 6
BATCH_ROWS = 200_000
ROWS_IN_MEMORY = 2**24
"""Up to so many, a key's hashes are 128 MiB, and sorted at once."""
HASHES_PER_PASS = 2_000_000
"""How many repeated hashes are looked at in one more pass over the data; bounds its memory."""
HASH = "hash"

Key = tuple[str, ...]
Hashes = npt.NDArray[np.uint64]


def hash_of(key: Key) -> pl.Expr:
    """The key's hash of 64 bits; null when a part of the key is null."""
    complete = pl.all_horizontal(pl.col(name).is_not_null() for name in key)
    return pl.when(complete).then((pl.col(key[0]) if len(key) == 1 else pl.struct(key)).hash())


def count_duplicates(
    frame: pl.LazyFrame, keys: Sequence[Key], scratch: Path, hashed: Callable[[Key], pl.Expr] = hash_of
) -> list[int]:
    """Rows whose key stood in an earlier row; rows with a null in the key are left out.

    Args:
        frame: The data.
        keys: Column names; each key is counted for itself.
        scratch: Where the hashes of more than `ROWS_IN_MEMORY` rows lie meanwhile: 8 bytes per row and key.
        hashed: Gives the hash of a key; however bad it is, the counts are exact.
    """
    hashes = [hashed(key) for key in keys]
    with _parts(frame, hashes, scratch) as parts:
        return [
            _duplicates(frame, key, hash_, of_key)
            for key, hash_, of_key in zip(keys, hashes, parts, strict=True)
        ]


def repeated_rows(frame: pl.LazyFrame, key: Key, limit: int, scratch: Path) -> pl.LazyFrame:
    """Rows whose key stands more than once, those of one key beside each other.

    Args:
        frame: The data.
        key: Column names.
        limit: How many rows at most.
        scratch: Where hashes lie meanwhile.
    """
    found: list[Hashes] = []
    with _parts(frame, [hash_of(key)], scratch) as (parts,):
        for part in parts:
            found.append(_repeated(part)[0])
            if sum(map(len, found)) >= limit:
                break
    hashes = np.concatenate(found)[:limit]
    return _with_hash(frame, hash_of(key), hashes).head(limit).sort(key)


@contextmanager
def _parts(frame: pl.LazyFrame, hashes: list[pl.Expr], scratch: Path) -> Iterator[list[Iterable[pl.Series]]]:
    """The hashes of each key, equal ones in one part; a part is in memory only while it is looked at."""
    if frame.select(pl.len()).collect(engine="streaming").item() <= ROWS_IN_MEMORY:
        yield [_collected(frame, each) for each in hashes]
        return
    with tempfile.TemporaryDirectory(dir=scratch, prefix="hashes-") as folder:
        files = [
            [Path(folder, f"{key}-{part}") for part in range(2**PARTITION_BITS)] for key in range(len(hashes))
        ]
        _spread(frame, hashes, files)
        yield [map(_read, of_key) for of_key in files]


def _collected(frame: pl.LazyFrame, hashed: pl.Expr) -> Iterator[pl.Series]:
    yield frame.select(hashed.alias(HASH)).collect(engine="streaming")[HASH].drop_nulls()


def _read(path: Path) -> pl.Series:
    return pl.Series(HASH, np.fromfile(path, dtype=np.uint64))


def _spread(frame: pl.LazyFrame, hashes: list[pl.Expr], files: list[list[Path]]) -> None:
    """Write each key's hashes to its files, by their first bits."""
    for path in chain.from_iterable(files):
        path.touch()

    def write(batch: pl.DataFrame) -> None:
        for number, series in enumerate(batch.iter_columns()):
            found = series.drop_nulls().to_numpy()
            parts = (found >> np.uint64(64 - PARTITION_BITS)).astype(np.uint8)
            ordered = found[np.argsort(parts, kind="stable")]
            ends = np.cumsum(np.bincount(parts, minlength=2**PARTITION_BITS))
            for path, piece in zip(files[number], np.split(ordered, ends[:-1]), strict=True):
                with path.open("ab") as file:
                    file.write(piece.tobytes())

    hashed = frame.select(key.alias(str(number)) for number, key in enumerate(hashes))
    hashed.sink_batches(write, chunk_size=BATCH_ROWS, engine="streaming")


def _duplicates(frame: pl.LazyFrame, key: Key, hashed: pl.Expr, parts: Iterable[pl.Series]) -> int:
    """Rows whose hash stands more than once, less the distinct values among them."""
    counted, waiting = 0, np.empty(0, np.uint64)
    for part in parts:
        repeated, once = _repeated(part)
        counted += len(part) - once
        waiting = np.concatenate([waiting, repeated])
        while len(waiting) >= HASHES_PER_PASS:
            counted -= _count_values(frame, key, hashed, waiting[:HASHES_PER_PASS])
            waiting = waiting[HASHES_PER_PASS:]
    return counted - _count_values(frame, key, hashed, waiting)


def _repeated(part: pl.Series) -> tuple[Hashes, int]:
    """The hashes that stand more than once, each once, and the number of those that stand once."""
    hashes = part.sort().to_numpy()  # on all cores, unlike NumPy's
    is_again = hashes[1:] == hashes[:-1]
    repeated = np.unique(hashes[1:][is_again])
    return repeated, len(hashes) - int(is_again.sum()) - len(repeated)


def _count_values(frame: pl.LazyFrame, key: Key, hashed: pl.Expr, hashes: Hashes) -> int:
    """How many distinct values have one of these hashes."""
    if not len(hashes):
        return 0
    counted = _with_hash(frame.select(key), hashed, hashes).unique().select(pl.len())
    return int(counted.collect(engine="streaming").item())


def _with_hash(frame: pl.LazyFrame, hashed: pl.Expr, hashes: Hashes) -> pl.LazyFrame:
    wanted = pl.LazyFrame({HASH: hashes})
    return frame.join(wanted, left_on=hashed, right_on=HASH, how="semi")
