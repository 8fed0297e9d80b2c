"""A signature that somebody else has made: a site gets it when it is neither more nor less than is needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from edge_training.errors import BadRequest
from edge_training.given_sas import end_of, query_of, require_fit
from edge_training.sas import Grant

NOW = datetime(2013, 2, 1, 12, 0, tzinfo=UTC)
READS, LISTS = Grant("data", "r"), Grant("data", "l")
SERVICE = {
    "sv": "2019-02-02",
    "sr": "c",
    "sp": "rl",
    "st": "2013-02-01T11:00:00Z",
    "se": "2013-02-02T00:00:00Z",
    "spr": "https",
    "sig": "SECRET",
}
ACCOUNT = {**{name: SERVICE[name] for name in SERVICE if name != "sr"}, "ss": "b", "srt": "co"}


def token(fields, **changes):
    return urlencode({name: value for name, value in (fields | changes).items() if value is not None})


def refusal(sas, grant=READS, needed=timedelta()):
    with pytest.raises(BadRequest) as caught:
        require_fit(sas, grant, "2019-02-02", NOW, needed)
    assert "SECRET" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "sas",
    [
        token(SERVICE),
        token(ACCOUNT),
        token(SERVICE, sp="r"),
        token(SERVICE, st=None),
        token(SERVICE, sv="2018-11-09"),
        token(SERVICE, se="2013-02-02"),
        token(SERVICE, sip="10.0.0.4"),
    ],
)
def test_what_reads_over_https_for_long_enough_is_accepted(sas):
    require_fit(sas, READS, "2019-02-02", NOW, timedelta(hours=6))


@pytest.mark.parametrize(
    ("sas", "words"),
    [
        (
            token(SERVICE, sp="racwdl"),
            "more than to read and list (sp=racwdl: acdw); sign one with sp=rl",
        ),
        (token(SERVICE, spr=None), "allows plain http; sign one for https only"),
        (token(SERVICE, spr="https,http"), "allows plain http"),
        (token(ACCOUNT, ss="bfqt"), "for more services than the blob store (ss=bfqt)"),
        (token(ACCOUNT, srt="sc"), "not for containers and their blobs (srt=sc)"),
        (token(SERVICE, sp="l"), "does not allow to read (sp=l)"),
        (token(SERVICE, sr="b"), "is for a single blob (sr=b); sign one for the container data"),
        (token(SERVICE, sr="d"), "is for a directory, which version 2019-02-02 does not know"),
        (
            token(SERVICE, sv="2020-08-04"),
            "2020-08-04 of the service, newer than api_version 2019-02-02",
        ),
        (token(SERVICE, si="policy", sp=None, se=None), "leaves it to a stored access policy"),
        (token(SERVICE, sig=None), "lacks sig; copy it again"),
        (token(SERVICE, se="soon"), "has no date in se (soon)"),
        (token(SERVICE, se="2013-02-01T12:00:00Z"), "ended at 2013-02-01T12:00:00Z; put a new one"),
        (token(SERVICE, st="2013-02-01T13:00:00Z"), "is valid from 2013-02-01T13:00:00Z on only"),
        ("password", "lacks sv, sp, se, sig"),
    ],
)
def test_what_is_more_or_less_than_a_step_needs_is_refused_by_its_field(sas, words):
    assert words in refusal(sas)


def test_what_ends_before_the_steps_limit_is_refused_with_both_times():
    said = refusal(token(SERVICE), needed=timedelta(hours=13))
    assert "ends at 2013-02-02T00:00:00Z, before the step's limit of 46800 s is over" in said


def test_a_step_that_lists_asks_for_the_right_to_list():
    assert "does not allow to list (sp=r)" in refusal(token(SERVICE, sp="r"), LISTS)


@pytest.mark.parametrize("given", ["sv=1&sig=2", "?sv=1&sig=2", "https://a.blob.test/box?sv=1&sig=2"])
@pytest.mark.parametrize("around", ["", " ", "\n"])
def test_a_token_may_have_its_question_mark_or_be_a_url(given, around):
    assert query_of(around + given + around) == "sv=1&sig=2"


def test_an_end_without_a_zone_is_utc():
    assert end_of("se=2013-02-02") == datetime(2013, 2, 2, tzinfo=UTC)
