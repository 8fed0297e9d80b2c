"""How runtime images are named, and what their builds are given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_site.base_image import BaseImage
from local_site.images import RegistryLogin, RuntimeImage
from local_site.settings import PROJECT_ROOT
from local_site.wheelhouse import download_command, wheels_of

IMAGES_DIR = PROJECT_ROOT / "include" / "images"
REGISTRY = RegistryLogin("127.0.0.1:5000", "user", "password", Path("ca.pem"))


@pytest.fixture
def images_dir(tmp_path) -> Path:
    return shutil.copytree(IMAGES_DIR, tmp_path / "images")


def image(images_dir: Path, identity: str = "base") -> RuntimeImage:
    return RuntimeImage(images_dir / "serving", BaseImage("edge/base:1", identity), ())


def test_the_same_inputs_give_the_same_tag(images_dir):
    assert image(images_dir).tag == image(IMAGES_DIR).tag


@pytest.mark.parametrize("name", ["serving/Dockerfile", "serving/requirements.txt", "install.py"])
def test_every_input_changes_the_tag(images_dir, name):
    before = image(images_dir).tag
    with (images_dir / name).open("a") as stream:
        stream.write("\n# changed\n")
    assert image(images_dir).tag != before


def test_another_base_gives_another_tag(images_dir):
    assert image(images_dir, "other").tag != image(images_dir).tag


def test_an_image_that_stands_on_another_changes_with_it(images_dir):
    below = image(images_dir).as_base(REGISTRY)
    assert below.reference == f"127.0.0.1:5000/edge/serving:{image(images_dir).tag}"
    assert below.identity == image(images_dir).tag


def locked(name: str) -> dict[str, str]:
    lines = (IMAGES_DIR / name / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)


def test_what_trains_a_model_is_what_serves_it():
    training = locked("training")
    assert all(training[name] == version for name, version in locked("serving").items())


def test_the_tests_run_on_the_images_versions():
    lines = "\n".join(
        (PROJECT_ROOT / f"requirements{kind}.txt").read_text() for kind in ("", "-dev")
    ).splitlines()
    names = ("pandas", "scikit-learn", "polars", "mlflow-skinny", "skops", "pydantic", "fastapi")
    assert all(f"{name}=={locked('training')[name]}" in lines for name in names)


def test_wheels_are_collected_for_the_images_python_whatever_runs_here():
    command = download_command(Path("/wheels"), Path("lock.txt"), "aarch64")
    assert "--only-binary=:all:" in command
    assert command[command.index("--python-version") + 1] == "3.11"
    assert "manylinux_2_28_aarch64" in command


def test_wheels_of_the_image_below_are_left_out_but_pip_stays(tmp_path):
    below, above = tmp_path / "below", tmp_path / "above"
    for directory, names in ((below, ("pip-1.whl", "a-1.whl")), (above, ("pip-1.whl", "a-1.whl", "b-1.whl"))):
        directory.mkdir()
        for name in names:
            (directory / name).touch()
    assert [path.name for path in wheels_of(above, below)] == ["b-1.whl", "pip-1.whl"]
    assert len(wheels_of(above)) == 3


def test_a_version_that_differs_from_the_image_below_is_refused(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "pip-1.whl").touch()
    (tmp_path / "requirements.txt").write_text("pytest==0.0.1\n")
    command = [sys.executable, IMAGES_DIR / "install.py", tmp_path, tmp_path / "target"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "pytest 0.0.1 is wanted, but the image below has" in result.stderr
