"""What the demo shows at its end."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from local_site.demo_report import runs_page, workspace_versions

REPORT = "http://127.0.0.1:5001/#/experiments/7/runs/{}/artifacts/validation/report.html".format("4f" * 16)


def test_mlflows_link_leads_to_the_runs_and_not_to_an_overview():
    assert runs_page(REPORT) == "http://127.0.0.1:5001/#/experiments/7/runs"


@pytest.mark.parametrize("url", ["http://127.0.0.1:5001", "http://127.0.0.1:5001/#/experiments/7"])
def test_link_that_names_no_run_stays(url):
    assert runs_page(url) == url


def test_a_version_in_a_workspace_is_shown_as_its_client_sees_it():
    version = {
        "name": "flight_delay",
        "version": "7",
        "run_id": "edge-0123456789abcdef",
        "framework": "ScikitLearn",
        "compute_target": "edge-site-vm",
        "tags": {"state": "registered", "partition": "2013-02-01"},
    }
    shown = StringIO()
    Console(width=80, file=shown).print(workspace_versions([version]))
    row = ["7", "registered", "2013-02-01", "ScikitLearn", "edge-site-vm", "edge-01234"]
    assert shown.getvalue().split()[-6:] == row
