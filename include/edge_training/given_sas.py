"""A shared access signature that somebody else has made: what it says, and whether a site may have it.

A site is handed such a signature as it is, so it must be no more than we would have signed: reading and
listing, over https only, for as long as the step needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from edge_training.errors import BadRequest
from edge_training.sas import CLOCK_SKEW, VERSION_WITH_DIRECTORY, Grant

NAMES = {"r": "read", "l": "list"}


def query_of(token_or_url: str) -> str:
    """The query string of a token, with or without its question mark, or of a URL; blanks around it go."""
    given = token_or_url.strip()
    return urlsplit(given).query if "://" in given else given.lstrip("?")


def fields_of(sas: str) -> dict[str, str]:
    """The fields of a query string."""
    return {name: values[0] for name, values in parse_qs(sas).items()}


def end_of(sas: str) -> datetime:
    """When a signature ends.

    Raises:
        BadRequest: It does not say.
    """
    return _moment(fields_of(sas), "se")


def require_fit(sas: str, grant: Grant, version: str, now: datetime, needed: timedelta = timedelta()) -> None:
    """Refuse a signature that a site must not have, or that would not last.

    Args:
        sas: The query string.
        grant: What the step is about to do.
        version: Service version of its requests.
        now: The worker's time, with a zone.
        needed: For how long the step may need it.

    Raises:
        BadRequest: The sentence says which field cannot be right, and what to sign instead.
    """
    fields = fields_of(sas)
    if objection := (
        _unreadable(fields)
        or _too_much(fields)
        or _too_little(fields, grant)
        or _wrong_version(fields, version)
        or _wrong_time(fields, now, needed)
    ):
        raise BadRequest(f"The shared access signature of the blob connection {objection}.")


def _unreadable(fields: Mapping[str, str]) -> str:
    if "si" in fields:
        return (
            "leaves it to a stored access policy (si) what it allows, which cannot be seen here; sign one "
            "that says itself: sp=rl, se, spr=https"
        )
    if lacking := [name for name in ("sv", "sp", "se", "sig") if not fields.get(name)]:
        return f"lacks {', '.join(lacking)}; copy it again, whole, with its sig"
    return ""


def _too_much(fields: Mapping[str, str]) -> str:
    if more := "".join(sorted(set(fields["sp"]) - set(NAMES))):
        return f"allows more than to read and list (sp={fields['sp']}: {more}); sign one with sp=rl"
    if fields.get("spr") != "https":
        return "allows plain http; sign one for https only (spr=https)"
    if set(fields.get("ss", "b")) != {"b"}:
        return f"is for more services than the blob store (ss={fields['ss']}); sign one with ss=b"
    return ""


def _too_little(fields: Mapping[str, str], grant: Grant) -> str:
    if lacking := [NAMES[one] for one in grant.permissions if one not in fields["sp"]]:
        return f"does not allow to {' and '.join(lacking)} (sp={fields['sp']}); sign one with sp=rl"
    if "ss" in fields:
        needed = {"r": "o", "l": "c"}
        if any(needed[one] not in fields.get("srt", "") for one in grant.permissions):
            return (
                f"is not for containers and their blobs (srt={fields.get('srt', '')}); sign one with srt=co"
            )
    elif fields.get("sr") not in ("c", "d"):
        return (
            f"is for a single blob (sr={fields.get('sr', '')}); sign one for the container {grant.container}"
        )
    return ""


def _wrong_version(fields: Mapping[str, str], version: str) -> str:
    if fields["sv"] > version:
        return (
            f"is of version {fields['sv']} of the service, newer than api_version {version}; sign one of "
            "that version, or raise api_version where the store supports it"
        )
    if fields.get("sr") == "d" and fields["sv"] < VERSION_WITH_DIRECTORY:
        return f"is for a directory, which version {fields['sv']} does not know; sign one for the container"
    return ""


def _wrong_time(fields: Mapping[str, str], now: datetime, needed: timedelta) -> str:
    end = _moment(fields, "se")
    if end <= now:
        return f"ended at {fields['se']}; put a new one into the connection"
    if end < now + needed:
        return (
            f"ends at {fields['se']}, before the step's limit of {needed.total_seconds():.0f} s is over; put "
            "one that lasts longer into the connection"
        )
    if "st" in fields and _moment(fields, "st") > now + CLOCK_SKEW:
        return f"is valid from {fields['st']} on only; put one into the connection that is valid now"
    return ""


def _moment(fields: Mapping[str, str], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise BadRequest(
            f"The shared access signature of the blob connection has no date in {name} "
            f"({fields.get(name, 'empty')}); copy it again."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
