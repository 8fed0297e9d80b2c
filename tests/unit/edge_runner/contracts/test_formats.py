"""What strings of a format look like, and how dates are written."""

from __future__ import annotations

import base64
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runner.contracts.formats import STRING_PATTERNS, TextFormat, text_format


def fits(name, *texts):
    return pl.Series(texts).str.contains(STRING_PATTERNS[name]).to_list()


@given(st.ip_addresses())
def test_every_ip_address_fits_its_format_and_no_other(address):
    text = str(address)
    assert fits(f"ipv{address.version}", text, text.upper(), f"{text} ", f"x{text}") == [
        True,
        True,
        False,
        False,
    ]
    assert fits(f"ipv{10 - address.version}", text) == [False]


@given(st.ip_addresses(v=6))
def test_ipv6_fits_written_out_and_with_ipv4_at_its_end(address):
    end = ".".join(str(byte) for byte in address.packed[-4:])
    assert fits("ipv6", address.exploded, address.exploded[:30] + end) == [True, True]


@given(st.binary())
def test_every_base64_text_fits_byte(content):
    assert fits("byte", base64.b64encode(content).decode()) == [True]


@given(st.uuids())
def test_every_uuid_fits(value):
    assert fits("uuid", str(value), value.hex, f"{{{value}}}") == [True, False, False]


@given(st.emails(domains=st.just("example.org")))
def test_every_email_address_of_plain_letters_fits(address):
    local = address.rpartition("@")[0]
    if re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+", local):
        assert fits("email", address) == [True]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("email", ["a.b+c@d-e.org", "a@localhost"], ["a", "a@", "@b", "a@b@c", "a b@c.org", "a@-b.org"]),
        (
            "uri",
            ["https://a.org/b?c=d#e", "urn:isbn:1", "mailto:a@b", "x:%41"],
            ["a.org", "://a", "x:%4", "x:a b"],
        ),
        ("hostname", ["a", "a-b.c1.org", "1a"], ["", "-a", "a-", "a..b", "a_b", "a" * 64]),
        ("ipv4", ["0.0.0.0", "255.249.199.9"], ["256.0.0.0", "1.2.3", "01.2.3.4", "1.2.3.4.5"]),
        (
            "ipv6",
            ["::", "::1", "1::", "1:2:3:4:5:6:7::"],
            ["1:2:3:4:5:6:7", ":::", "1::2::3", "12345::", "::1%eth0"],
        ),
        ("byte", ["", "YQ==", "YWI="], ["Y", "YQ=", "YQ==YQ==", "Y Q="]),
    ],
)
def test_string_formats(name, good, bad):
    assert fits(name, *good) == [True] * len(good)
    assert fits(name, *bad) == [False] * len(bad)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("yyyy-MM-dd", TextFormat(r"[0-9]{4}\-[0-9]{2}\-[0-9]{2}", "%Y-%m-%d", has_zone=False)),
        ("HH.mm.ss", TextFormat(r"[0-9]{2}\.[0-9]{2}\.[0-5][0-9]", "%H.%M.%S", has_zone=False)),
        (
            "ddMMyyyy'T'HHmmssSSSXXX",
            TextFormat(
                "[0-9]{2}[0-9]{2}[0-9]{4}T[0-9]{2}[0-9]{2}[0-5][0-9][0-9]{3}",
                "%d%m%YT%H%M%S%3f",
                has_zone=True,
            ),
        ),
        ("yyyy'o''clock'", TextFormat("[0-9]{4}o'clock", "%Yo'clock", has_zone=False)),
        ("yy", None),
        ("yyyy-MMM-dd", None),
        ("yyyy'open", None),
        ("XXXyyyy", None),
    ],
)
def test_patterns_of_the_jdk(written, expected):
    assert text_format(written) == expected
