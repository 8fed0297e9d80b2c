"""What is behind an error that a client library has wrapped."""

from __future__ import annotations

from collections.abc import Iterator


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and the errors behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
