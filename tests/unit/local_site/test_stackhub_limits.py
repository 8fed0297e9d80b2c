"""What is refused, and with which code."""

from __future__ import annotations

import pytest

from local_site.stackhub_limits import find_refusal

CEILING = "2019-07-07"


@pytest.mark.parametrize("version", ["2015-04-05", "2019-02-02", "2019-07-07"])
def test_versions_up_to_the_ceiling_pass(version):
    query = [("sv", version), ("sig", "x"), ("api-version", version)]
    assert find_refusal(query, {"x-ms-version": version}, CEILING) is None


def test_request_without_a_version_passes():
    assert find_refusal([("restype", "container"), ("comp", "list")], {}, CEILING) is None


@pytest.mark.parametrize("version", ["2019-12-12", "2026-10-06", "latest", "2019-7-7"])
def test_newer_or_malformed_version_header_is_refused_as_a_stack_hub_does(version):
    refusal = find_refusal([], {"x-ms-version": version}, CEILING)
    assert (refusal.status, refusal.code) == (400, "InvalidHeaderValue")
    assert refusal.details == {"HeaderName": "x-ms-version", "HeaderValue": version}


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ([("sv", "2019-12-12"), ("sig", "x")], {}, 403, "AuthenticationFailed"),
        ([("SV", "2019-12-12"), ("SIG", "x")], {}, 403, "AuthenticationFailed"),
        ([("api-version", "2020-10-02")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "tags")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "batch")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "blobs"), ("where", "x")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "undelete")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "list"), ("include", "metadata,tags")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "list"), ("include", "versions")], {}, 400, "InvalidQueryParameterValue"),
        ([("comp", "tier")], {}, 400, "BlobAccessTierNotSupportedForAccountType"),
        ([], {"x-ms-access-tier": "Cool"}, 400, "BlobAccessTierNotSupportedForAccountType"),
        ([], {"x-ms-tags": "a=b"}, 400, "UnsupportedHeader"),
        ([], {"x-ms-if-tags": "a='b'"}, 400, "UnsupportedHeader"),
        ([], {"x-ms-immutability-policy-mode": "Locked"}, 400, "UnsupportedHeader"),
        ([("versionid", "x")], {}, 400, "UnsupportedQueryParameter"),
        ([], {"authorization": "Bearer ey"}, 400, "InvalidAuthenticationInfo"),
    ],
)
def test_missing_features_are_refused(query, headers, status, code):
    refusal = find_refusal(query, headers, CEILING)
    assert (refusal.status, refusal.code) == (status, code)


@pytest.mark.parametrize(
    "query",
    [
        [("comp", "list"), ("include", "metadata,snapshots,uncommittedblobs,copy")],
        [("comp", "block"), ("blockid", "x")],
        [("comp", "blocklist")],
        [("comp", "metadata")],
        [("comp", "snapshot")],
        [("comp", "lease")],
    ],
)
def test_features_of_a_stack_hub_pass(query):
    assert find_refusal(query, {"authorization": "SharedKey a:b", "x-ms-meta-tags": "own"}, CEILING) is None
