"""Where a site's state is, and what a user can choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_site.errors import SettingInvalid
from local_site.layout import RUNTIME_DIR_MAX_BYTES, Layout
from local_site.settings import PROJECT_ROOT, Settings


def test_sockets_stay_in_the_state_when_its_path_is_short():
    assert Layout(Path("/srv/site"), Path("/srv/cache")).runtime_dir == Path("/srv/site/run")


def test_sockets_of_a_deep_checkout_go_to_a_short_directory_of_its_own():
    deep = Path("/home") / ("x" * 80)
    runtime_dir = Layout(deep / "a", deep).runtime_dir
    assert len(str(runtime_dir)) <= RUNTIME_DIR_MAX_BYTES
    assert runtime_dir != Layout(deep / "b", deep).runtime_dir


def test_defaults():
    settings = Settings.from_environment({})
    assert settings.state_dir == PROJECT_ROOT / ".local_site"
    assert (settings.docker, settings.base_image) == ("auto", "auto")
    assert settings.ports.blob_gate == 17810


def test_ports_move_together_and_never_meet():
    ports = Settings.from_environment({"EDGE_PORT_BASE": "30000"}).ports
    numbers = [
        ports.blob_gate,
        ports.azurite,
        ports.ssh,
        ports.registry,
        ports.mlflow,
        ports.azureml_proxy,
        ports.azureml_mlflow,
        ports.airflow,
        ports.service,
    ]
    assert len(set(numbers)) == len(numbers)
    assert all(30000 < number < 30100 for number in numbers)


def test_the_tests_site_shares_nothing_with_the_users_but_the_downloads():
    settings, test_settings = Settings.from_environment({}), Settings.for_tests({})
    assert test_settings.state_dir != settings.state_dir
    assert test_settings.ports.base != settings.ports.base
    assert test_settings.cache_dir == settings.cache_dir


@pytest.mark.parametrize(("told", "kind"), [("", "mlflow"), ("azureml", "azureml")])
def test_the_model_registry_is_mlflow_unless_told_otherwise(told, kind):
    assert Settings.from_environment({"EDGE_MODEL_REGISTRY": told}).model_registry == kind


def test_a_kind_of_model_registry_that_there_is_not_is_named_with_those_that_there_are():
    with pytest.raises(
        SettingInvalid, match="=sagemaker cannot be used; set one of mlflow, azureml, azureml-"
    ):
        Settings.from_environment({"EDGE_MODEL_REGISTRY": "sagemaker"})
