"""What the demo shows at its end."""

from __future__ import annotations

import pytest

from local_site.demo_report import runs_page

REPORT = "http://127.0.0.1:5001/#/experiments/7/runs/{}/artifacts/validation/report.html".format("4f" * 16)


def test_mlflows_link_leads_to_the_runs_and_not_to_an_overview():
    assert runs_page(REPORT) == "http://127.0.0.1:5001/#/experiments/7/runs"


@pytest.mark.parametrize("url", ["http://127.0.0.1:5001", "http://127.0.0.1:5001/#/experiments/7"])
def test_link_that_names_no_run_stays(url):
    assert runs_page(url) == url
