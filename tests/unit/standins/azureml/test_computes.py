"""What the stand-in attaches, and what not."""

from __future__ import annotations

import copy

import pytest
from tests.standins.azureml.server import running_azureml
from tests.standins.azureml.workspace import Workspace
from tests.unit.standins.azureml.conftest import Urls, client_of

API_VERSION = {"api-version": "2020-02-02"}
ACCOUNT = {"username": "edge", "privateKeyData": "key"}
PAYLOAD = {
    "location": "westeurope",
    "properties": {
        "computeType": "VirtualMachine",
        "resourceId": None,
        "properties": {"address": "10.0.0.4", "sshPort": 22, "administratorAccount": ACCOUNT},
    },
}


def put(http, urls, name="edge-vm", payload=PAYLOAD):
    return http.put(f"{urls.arm}/computes/{name}", params=API_VERSION, json=payload)


def changed(*path_and_value):
    """The payload with one value replaced."""
    *path, last, value = path_and_value
    payload = copy.deepcopy(PAYLOAD)
    place = payload
    for key in path:
        place = place[key]
    place[last] = value
    return payload


def test_attaching_tells_where_it_can_be_watched(http, urls):
    answer = put(http, urls)
    assert answer.status_code == 201
    assert http.get(answer.headers["Azure-AsyncOperation"]).json()["status"] == "Succeeded"


def test_both_hosts_tell_the_same_of_a_machine(http, urls):
    put(http, urls)
    answers = [
        http.get(f"{base}/computes/edge-vm", params=API_VERSION) for base in (urls.arm, urls.computes[:-9])
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["properties"]["provisioningState"] == "Succeeded"


def test_attaching_again_is_a_change(http, urls):
    assert [put(http, urls).status_code for _ in range(2)] == [201, 200]


@pytest.mark.parametrize("name", ["ab", "1vm", "edge_vm", "edge/vm", "edge-vm-1", "x" * 25, "e d"])
def test_a_name_has_letters_digits_and_hyphens(http, urls, name):
    assert put(http, urls, name).status_code in (400, 404)
    assert http.get(urls.computes, params=API_VERSION).json() == {"value": []}


@pytest.mark.parametrize(
    "payload",
    [
        changed("location", "eastus"),
        changed("properties", "computeType", "AmlCompute"),
        changed("properties", "properties", "address", None),
        changed("properties", "resourceId", "/subscriptions/x"),
        changed("properties", "properties", "administratorAccount", {"username": "edge"}),
        changed("properties", "properties", "administratorAccount", {"privateKeyData": "key"}),
    ],
)
def test_a_machine_needs_a_place_an_address_or_id_and_an_account(http, urls, payload):
    answer = put(http, urls, payload=payload)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadArgument")


def test_some_regions_attach_no_machine_by_its_address(folder):
    with (
        running_azureml(folder, workspace=Workspace(location="eastus")) as azureml,
        client_of(azureml) as http,
    ):
        answer = put(http, Urls(azureml), payload=changed("location", "eastus"))
    assert answer.status_code == 400


def test_what_is_being_attached_is_not_changed(folder):
    with running_azureml(folder, operation_s=60) as azureml, client_of(azureml) as http:
        urls = Urls(azureml)
        operation = put(http, urls).headers["Azure-AsyncOperation"]
        assert http.get(operation).json()["status"] == "InProgress"
        assert put(http, urls).status_code == 409
        assert (
            http.delete(
                f"{urls.arm}/computes/edge-vm", params=API_VERSION | {"underlyingResourceAction": "detach"}
            ).status_code
            == 409
        )
        (listed,) = http.get(urls.computes, params=API_VERSION).json()["value"]
        assert listed["properties"]["provisioningState"] == "Creating"


@pytest.mark.parametrize("action", [{}, {"underlyingResourceAction": "forget"}])
def test_detaching_says_what_becomes_of_the_machine(http, urls, action):
    put(http, urls)
    assert http.delete(f"{urls.arm}/computes/edge-vm", params=API_VERSION | action).status_code == 400


def test_credentials_are_shown_to_whoever_asks_for_them_only(http, urls):
    assert "privateKeyData" not in put(http, urls).text
    assert "privateKeyData" not in http.get(f"{urls.computes}/edge-vm", params=API_VERSION).text
    keys = http.post(f"{urls.arm}/computes/edge-vm/listKeys", params=API_VERSION)
    assert keys.json()["administratorAccount"] == ACCOUNT
