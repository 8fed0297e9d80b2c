"""Who enters the workspace, and where; each host refuses in its own words."""

from __future__ import annotations

import pytest

API_VERSION = {"api-version": "2022-05-01"}


def refused_with(answer) -> tuple[int, str]:
    """Status and code of a refusal of the resource manager."""
    return answer.status_code, answer.json()["error"]["code"]


def test_a_valid_token_enters(http, urls, azureml):
    answer = http.get(urls.arm, params=API_VERSION)
    assert (answer.status_code, answer.json()["name"]) == (200, azureml.workspace.name)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Basic dXNlcjpwYXNzd29yZA==", "AuthenticationFailed"),
        ("Bearer no.token.atall", "InvalidAuthenticationToken"),
    ],
)
def test_whoever_has_no_token_of_the_directory_is_asked_for_one(http, urls, authorization, code):
    answer = http.get(urls.arm, params=API_VERSION, headers={"Authorization": authorization})
    assert refused_with(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_named_so(http, urls, azureml):
    expired = {"Authorization": f"Bearer {azureml.tokens.give(lifetime_s=-1)}"}
    answer = http.get(urls.arm, params=API_VERSION, headers=expired)
    assert refused_with(answer) == (401, "ExpiredAuthenticationToken")


def test_a_token_for_another_service_is_refused(http, urls, azureml):
    other = {"Authorization": f"Bearer {azureml.tokens.give(audience='https://graph.microsoft.com')}"}
    answer = http.get(urls.arm, params=API_VERSION, headers=other)
    assert refused_with(answer) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("asked", "code"),
    [({}, "MissingApiVersionParameter"), ({"api-version": "2018-01-01"}, "NoRegisteredProviderFound")],
)
def test_the_resource_manager_serves_known_versions_only(http, urls, asked, code):
    assert refused_with(http.get(urls.arm, params=asked)) == (400, code)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("subscription", "SubscriptionNotFound"),
        ("group", "ResourceGroupNotFound"),
        ("name", "ResourceNotFound"),
    ],
)
def test_there_is_one_workspace(http, urls, azureml, part, code):
    url = urls.arm.replace(getattr(azureml.workspace, part), "other")
    assert refused_with(http.get(url, params=API_VERSION)) == (404, code)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({}, 200, None),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "another"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_scope"),
        ({"scope": "https://management.azure.com"}, 400, "invalid_scope"),
    ],
)
def test_the_service_principal_gets_a_token_and_nobody_else(http, urls, azureml, change, status, code):
    asked = {
        "grant_type": "client_credentials",
        "client_id": azureml.principal.client_id,
        "client_secret": azureml.principal.secret,
        "scope": "https://management.azure.com/.default",
    }
    answer = http.post(urls.login, data=asked | change)
    assert (answer.status_code, answer.json().get("error")) == (status, code)


def test_an_instance_tells_its_names_to_anybody(http, urls, azureml):
    where = urls.login.replace(f"{azureml.workspace.tenant}/oauth2/v2.0/token", "common/discovery/instance")
    answer = http.get(where, headers={"Authorization": ""}).json()
    assert [each["preferred_network"] for each in answer["metadata"]] == ["login.microsoftonline.com"]


def test_another_directory_is_not_found(http, urls, azureml):
    answer = http.post(urls.login.replace(azureml.workspace.tenant, "other"), data={})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_tenant")


@pytest.mark.parametrize(
    ("place", "path_to_code"),
    [
        ("arm", ("error", "code")),
        ("history", ("error", "innerError", "code")),
        ("models", ("code",)),
        ("artifacts", ("error", "innerError", "code")),
    ],
)
def test_what_is_not_known_is_not_found_in_the_words_of_its_service(http, urls, place, path_to_code):
    answer = http.get(f"{getattr(urls, place)}/unknown/of/all", params=API_VERSION)
    code = answer.json()
    for key in path_to_code:
        code = code[key]
    assert (answer.status_code, code) == (404, "NotFound")


def test_no_other_host_is_reached(http, azureml):
    with pytest.raises(Exception, match="403 Filtered"):
        http.get("https://dc.applicationinsights.azure.com/v2/track")
