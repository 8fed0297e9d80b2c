"""The signature of a step that runs: replaced before it ends, asked for when the store refuses it."""

from __future__ import annotations

import json

import pytest
from tests.standins.blob_server import Answer, scripted_server
from tests.standins.certificates import certificates
from tests.unit.edge_runner.blobs.reading import read_part

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.renewal import place
from edge_runner.blobs.signature import Signature, Waiting
from edge_runner.blobs.store import BlobStore
from edge_runner.protocol import RENEWED_NAME, StepError

SAS = "sv=2019-02-02&sr=c&sp=rl&st=2013-01-01T00:00:00Z&se=2013-01-02T00:00:00Z&spr=https&sig=SECRET"
DURING = "Tue, 01 Jan 2013 12:00:00 GMT"
LATER = "Wed, 02 Jan 2013 00:00:00 GMT"


RENEWED = SAS.replace("sig=SECRET", "sig=NEWER")


def refusal(date):
    return Answer(403, headers={"Date": date, "x-ms-error-code": "AuthenticationFailed"})


def store_on(server, signature):
    ca_pem = certificates().ca_file.read_text()
    return BlobStore(StoreAccess(server.endpoint, "box", signature, "2019-02-02", ca_pem))


class Renewing:
    """Somebody who watches the step, or nobody, while it sleeps."""

    def __init__(self, folder, delivers=None):
        self.signature = Signature(
            SAS, folder / RENEWED_NAME, folder / "wanted", Waiting(10, self.now, self.sleep)
        )
        self.delivers = delivers
        self.slept_s = 0
        self.was_asked = False

    def now(self):
        return float(self.slept_s)

    def sleep(self, seconds):
        self.slept_s += seconds
        self.was_asked = self.was_asked or self.signature.wanted_file.exists()
        if self.delivers and self.slept_s == 3:
            self.signature.renewed_file.write_text(json.dumps({"sas": self.delivers}))


@pytest.mark.parametrize("answer", [refusal(LATER), refusal(DURING)])
def test_signature_that_worked_and_is_refused_is_replaced_by_the_one_that_is_delivered(tmp_path, answer):
    watcher = Renewing(tmp_path, RENEWED)
    with scripted_server(Answer(body=b"abc"), answer, Answer(body=b"def")) as server:
        store = store_on(server, watcher.signature)
        assert [read_part(store), read_part(store)] == [b"abc", b"def"]
    assert [target.endswith("sig=NEWER") for target, _ in server.requests] == [False, False, True]
    assert watcher.was_asked
    assert not watcher.signature.wanted_file.exists()


def test_signature_delivered_before_the_old_one_ends_is_used_within_a_second(tmp_path):
    watcher = Renewing(tmp_path)
    with scripted_server(Answer(body=b"abc")) as server:
        store = store_on(server, watcher.signature)
        read_part(store)
        watcher.signature.renewed_file.write_text(json.dumps({"sas": RENEWED}))
        read_part(store)
        watcher.slept_s = 1
        read_part(store)
    assert [target.endswith("sig=NEWER") for target, _ in server.requests] == [False, False, True]
    assert not watcher.was_asked


@pytest.mark.parametrize(
    ("answer", "delivers", "kind", "words"),
    [
        (refusal(LATER), None, "AccessExpired", "the next try brings one"),
        (refusal(DURING), None, "StoreRefused", "the account's key was changed"),
        (refusal(DURING), RENEWED, "StoreRefused", "the account's key was changed"),
    ],
    ids=["nobody-renews", "key-changed-nobody-renews", "key-changed-and-the-connection-has-the-old-one"],
)
def test_signature_that_nobody_can_replace_ends_the_step_after_its_patience(
    tmp_path, answer, delivers, kind, words
):
    watcher = Renewing(tmp_path, delivers)
    with scripted_server(Answer(body=b"abc"), answer) as server:
        store = store_on(server, watcher.signature)
        read_part(store)
        with pytest.raises(StepError) as caught:
            read_part(store)
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert watcher.slept_s == 10
    assert "SECRET" not in caught.value.message


def test_first_signature_may_be_over_before_the_step_begins(tmp_path):
    watcher = Renewing(tmp_path, RENEWED)
    with scripted_server(refusal(LATER), Answer(body=b"abc")) as server:
        assert read_part(store_on(server, watcher.signature)) == b"abc"
    assert watcher.slept_s == 3


def test_clocks_are_named_when_the_new_signature_is_over_as_well(tmp_path):
    watcher = Renewing(tmp_path, RENEWED)
    with scripted_server(refusal(LATER)) as server, pytest.raises(StepError) as caught:
        read_part(store_on(server, watcher.signature))
    assert (caught.value.kind, watcher.slept_s) == ("StoreRefused", 3)
    assert "correct the clock that is wrong" in caught.value.message


def test_signature_that_never_worked_is_not_waited_for(tmp_path):
    watcher = Renewing(tmp_path, RENEWED)
    with scripted_server(refusal(DURING)) as server, pytest.raises(StepError):
        read_part(store_on(server, watcher.signature))
    assert watcher.slept_s == 0


def test_delivered_signature_is_found_whole_and_leaves_no_other_file(tmp_path):
    for sas in ("first", "second"):
        place(json.dumps({"sas": sas}).encode(), tmp_path)
        assert Signature(SAS, tmp_path / RENEWED_NAME, tmp_path / "wanted").sas == sas
    assert [path.name for path in tmp_path.iterdir()] == [RENEWED_NAME]


def test_signature_is_not_shown_where_it_is_printed(tmp_path):
    assert "SECRET" not in repr(Signature(SAS, tmp_path, tmp_path))
