"""Artifacts, blobs and models: what is kept, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlencode

import pytest

BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}
PLACE = "LocalUpload/container"


@pytest.fixture
def blob(http, urls) -> str:
    """The signed address of an artifact that may be written."""
    return created(http, urls, "model/a.bin")["artifactContentInformation"]["model/a.bin"]["contentUri"]


def created(http, urls, *paths: str) -> dict:
    body = {"paths": [{"path": path} for path in paths]}
    return http.post(f"{urls.artifacts}/batch/metadata/{PLACE}", json=body).json()


def code_of(answer) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("x-ms-error-code")


def with_query(url: str, **changes: str) -> str:
    """The address with other query parameters."""
    base, _, query = url.partition("?")
    fields = {name: values[0] for name, values in parse_qs(query).items()}
    return f"{base}?{urlencode(fields | changes)}"


def test_a_blob_is_read_as_it_was_written(http, urls, blob):
    assert http.put(blob, content=b"0123456789", headers=BLOCK_BLOB).status_code == 201
    read = http.get(f"{urls.artifacts}/contentinfo/{PLACE}/model/a.bin").json()["contentUri"]
    assert http.get(read).content == b"0123456789"
    part = http.get(read, headers={"x-ms-range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert int(http.head(read).headers["Content-Length"]) == 10


def test_a_blob_is_made_of_its_blocks_in_the_order_of_the_list(http, urls, blob):
    ids = [base64.b64encode(each).decode() for each in (b"1", b"2")]
    for block in ids:
        http.put(with_query(blob, comp="block", blockid=block), content=base64.b64decode(block))
    listed = "".join(f"<Latest>{block}</Latest>" for block in reversed(ids))
    document = f"<BlockList>{listed}</BlockList>"
    assert http.put(with_query(blob, comp="blocklist"), content=document).status_code == 201
    assert http.get(blob).content == b"21"


def test_an_unknown_block_makes_no_blob(http, blob):
    document = "<BlockList><Latest>MQ==</Latest></BlockList>"
    answer = http.put(with_query(blob, comp="blocklist"), content=document)
    assert code_of(answer) == (400, "InvalidBlockList")
    assert http.get(blob).status_code == 404


def test_bytes_with_another_sum_are_not_kept(http, blob):
    other = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    answer = http.put(blob, content=b"bytes", headers=BLOCK_BLOB | {"Content-MD5": other})
    assert code_of(answer) == (400, "Md5Mismatch")
    assert http.get(blob).status_code == 404


@pytest.mark.parametrize("change", [{"sig": "x"}, {"se": "1"}, {"se": "9999999999"}, {"sp": "rcwd"}])
def test_a_signature_covers_what_it_allows(http, blob, change):
    answer = http.put(with_query(blob, **change), content=b"", headers=BLOCK_BLOB)
    assert code_of(answer) == (403, "AuthenticationFailed")


@pytest.mark.parametrize(("lifetime_s", "status"), [(60, 404), (-1, 403)])
def test_a_signature_ends(http, azureml, lifetime_s, status):
    signed = azureml.blobs.signed("azureml", "a", "r", lifetime_s)
    assert http.get(signed).status_code == status


def test_a_signature_is_for_one_blob(http, blob):
    answer = http.put(blob.replace("a.bin", "b.bin"), content=b"", headers=BLOCK_BLOB)
    assert code_of(answer) == (403, "AuthenticationFailed")


def test_a_signature_to_read_does_not_write(http, urls, blob):
    http.put(blob, content=b"1", headers=BLOCK_BLOB)
    read = http.get(f"{urls.artifacts}/contentinfo/{PLACE}/model/a.bin").json()["contentUri"]
    answer = http.put(read, content=b"2", headers=BLOCK_BLOB)
    assert code_of(answer) == (403, "AuthorizationPermissionMismatch")
    assert http.get(read).content == b"1"


@pytest.mark.usefixtures("blob")
def test_a_name_is_given_out_once_and_the_others_of_its_request_all_the_same(http, urls):
    answer = created(http, urls, "model/a.bin", "model/b.bin")
    assert list(answer["artifacts"]) == ["model/b.bin"]
    assert "already exists" in answer["errors"]["model/a.bin"]["error"]["message"]


def test_a_name_that_is_taken_can_be_written_again(http, urls, blob):
    http.put(blob, content=b"1", headers=BLOCK_BLOB)
    write = http.get(f"{urls.artifacts}/write/{PLACE}/model/a.bin").json()["contentUri"]
    assert http.put(write, content=b"2", headers=BLOCK_BLOB).status_code == 201
    assert http.get(write).content == b"2"
    assert http.get(f"{urls.artifacts}/write/{PLACE}/model/b.bin").status_code == 404


@pytest.mark.parametrize(
    "prefix", ["prefix/contentinfo/{place}/model", "{place}/prefix/contentinfo?path=model"]
)
def test_artifacts_are_found_by_the_beginning_of_their_path(http, urls, prefix):
    created(http, urls, "model/a.bin", "model/b.bin", "other/c.bin")
    found = http.get(f"{urls.artifacts}/{prefix.format(place=PLACE)}").json()["value"]
    assert [each["path"] for each in found] == ["model/a.bin", "model/b.bin"]


@pytest.fixture
def asset(http, urls) -> str:
    """The address of a model's files."""
    body = {"name": "m", "artifacts": [{"prefix": f"{PLACE}/model"}]}
    return f"aml://asset/{http.post(f'{urls.models}/assets', json=body).json()['id']}"


@pytest.mark.parametrize("name", ["", "-m", "a/b", "a:b", "a b", "\u00e4", "x" * 256])
def test_a_models_name_has_letters_digits_points_hyphens_and_underscores(http, urls, asset, name):
    answer = http.post(f"{urls.models}/models", json={"name": name, "url": asset})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadArgument")


@pytest.mark.parametrize(
    "change", [{"url": "aml://asset/none"}, {"kvTags": {"a": 1}}, {"properties": {"a": [1]}}]
)
def test_a_model_has_files_and_its_tags_are_texts(http, urls, asset, change):
    answer = http.post(f"{urls.models}/models", json={"name": "m", "url": asset} | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "BadArgument")


def test_tags_are_replaced_whole(http, urls, asset):
    http.post(f"{urls.models}/models", json={"name": "m", "url": asset, "kvTags": {"a": "1"}})
    replace = [{"op": "replace", "path": "/kvTags", "value": {"b": "2"}}]
    assert http.patch(f"{urls.models}/models/m:1", json=replace).json()["kvTags"] == {"b": "2"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/kvTags"},
        {"op": "replace", "path": "/name", "value": "n"},
        {"op": "add", "path": "/properties", "value": {"p": "changed"}},
    ],
)
def test_nothing_of_a_change_is_done_when_a_part_is_refused(http, urls, asset, operation):
    http.post(f"{urls.models}/models", json={"name": "m", "url": asset, "properties": {"p": "1"}})
    before = http.get(f"{urls.models}/models/m:1").json()
    described = {"op": "replace", "path": "/description", "value": "new"}
    assert http.patch(f"{urls.models}/models/m:1", json=[described, operation]).status_code == 400
    assert http.get(f"{urls.models}/models/m:1").json() == before


def test_versions_come_in_pages_the_newest_first(http, urls, asset):
    for _ in range(3):
        http.post(f"{urls.models}/models", json={"name": "m", "url": asset})
    first = http.get(f"{urls.models}/models", params={"count": 2}).json()
    second = http.get(
        f"{urls.models}/models", params={"count": 2, "$skipToken": first["continuationToken"]}
    ).json()
    assert [model["version"] for model in first["value"] + second["value"]] == [3, 2, 1]
    latest = http.get(f"{urls.models}/models", params={"latestVersionOnly": "true"}).json()["value"]
    assert [model["version"] for model in latest] == [3]
