"""A stand-in on the same folder knows everything, and many writers at once lose nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.standins.azureml.server import running_azureml
from tests.unit.standins.azureml.conftest import Urls, client_of

BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


def test_a_restart_keeps_runs_models_files_and_who_may_enter(folder):
    with running_azureml(folder) as azureml, client_of(azureml) as http:
        urls = Urls(azureml)
        secret = azureml.principal.secret
        headers = dict(http.headers)
        http.post(f"{urls.history}/experiments/flight-delay")
        body = {"paths": [{"path": "a"}]}
        made = http.post(f"{urls.artifacts}/batch/metadata/LocalUpload/c", json=body).json()
        uri = made["artifactContentInformation"]["a"]["contentUri"]
        http.put(uri, content=b"bytes", headers=BLOCK_BLOB)
    with running_azureml(folder) as again, client_of(again) as http:
        assert again.principal.secret == secret
        experiment = http.get(f"{urls.history}/experiments/flight-delay", headers=headers)
        assert experiment.json()["name"] == "flight-delay"
        assert http.get(uri).content == b"bytes"


def test_eight_writers_get_eight_numbers(http, urls):
    asset = http.post(f"{urls.models}/assets", json={"artifacts": [{"prefix": "p"}]}).json()["id"]
    model = {"name": "m", "url": f"aml://asset/{asset}"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.post(f"{urls.models}/models", json=model), range(8)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 9))


def test_eight_writers_add_eight_tags_to_one_run(http, urls):
    http.post(f"{urls.history}/experiments/e")
    run = f"{urls.history}/experiments/e/runs/r"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: http.patch(run, json={"tags": {f"t{number}": ""}}), range(8)))
    assert len(http.get(run).json()["tags"]) == 8
