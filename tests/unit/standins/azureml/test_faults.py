"""What goes wrong does so for the requests that were named, as often as was said, and is recorded."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.standins.azureml import faults
from tests.standins.azureml.faults import Cut, Fault

EXPERIMENT = "/experiments/flight-delay$"


def test_a_connection_cut_before_leaves_nothing_and_cut_after_leaves_all(http, urls, azureml):
    url = f"{urls.history}/experiments/flight-delay"
    for cut, found in ((Cut.BEFORE, 404), (Cut.AFTER, 200)):
        azureml.faults.add(Fault("POST", EXPERIMENT, cut=cut))
        with pytest.raises(httpx.TransportError):
            http.post(url)
        assert http.get(url).status_code == found


def test_a_fault_strikes_as_often_as_it_should_and_lets_pass_what_it_should(http, urls, azureml):
    azureml.faults.add(Fault("GET", "/discovery", refusal=faults.UNAVAILABLE, times=2, skip=1))
    address = f"https://{azureml.workspace.services}/discovery"
    assert [http.get(address).status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_throttled_client_is_told_how_long_to_wait(http, urls, azureml):
    azureml.faults.add(Fault("GET", "/models", refusal=faults.too_many_requests(7)))
    answer = http.get(f"{urls.models}/models")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("place", ["arm", "history", "models", "blobs", "login"])
def test_a_refusal_is_worded_as_by_the_host_that_is_asked(http, urls, azureml, place):
    azureml.faults.add(Fault("GET", ".", refusal=faults.INTERNAL_ERROR))
    answer = http.get(f"{getattr(urls, place)}/x")
    known = http.get(f"{getattr(urls, place)}/y")
    assert answer.status_code == 500
    assert "InternalServerError" in answer.text
    assert answer.headers["Content-Type"] == known.headers["Content-Type"]


def test_a_delay_holds_up_nobody_else(http, azureml):
    address = f"https://{azureml.workspace.services}/discovery"
    azureml.faults.add(Fault("GET", "/discovery", delay_s=2.0))
    with ThreadPoolExecutor() as pool:
        begun = time.monotonic()
        slow = pool.submit(http.get, address)
        while azureml.faults.waiting == 0:
            time.sleep(0.01)
        assert http.get(address).status_code == 200
        assert not slow.done()
        assert slow.result().status_code == 200
    assert time.monotonic() - begun >= 2.0


def test_the_record_names_every_request_without_signatures(http, urls, azureml):
    http.get(f"{urls.blobs}/azureml/a?sp=r&sig=secret")
    (call,) = azureml.faults.asked("GET", "/azureml/a")
    assert (call.status, call.url) == (403, f"{azureml.workspace.blobs}/azureml/a?sp=r&sig=...")
