"""Runs our own adapter in azureml-core's interpreter, without the bridge."""

from __future__ import annotations

from pathlib import Path

from tests.standins.azureml.bridging import options
from tests.standins.azureml.interpreter import Program, azureml_python
from tests.standins.azureml.server import AzureMl

from edge_training.adapters.bridge.client import INCLUDE_DIR
from local_site.settings import Settings

PROGRAM = Path(__file__).parent / "programs" / "azureml_steps.py"
CALLING = Path(__file__).parents[3] / "standins" / "azureml" / "programs"
"""Where the module is that makes the calls of a program."""


def steps(standin: AzureMl, settings: Settings, home: Path) -> Program:
    """Calls functions of our own adapter in azureml-core's interpreter."""
    told = {name: value for name, value in options(standin).items() if name != "kind"}
    environment = {
        "HOME": str(home),
        "HTTPS_PROXY": f"http://{standin.proxy}",
        "PYTHONPATH": f"{INCLUDE_DIR}:{CALLING}",
    }
    python = azureml_python(settings, home / "install.log")
    return Program(python, PROGRAM, environment, home, {"options": told})
