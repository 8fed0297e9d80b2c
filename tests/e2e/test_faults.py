"""Six faults that stand for all of `make chaos`: whatever breaks, one training, one version, one image."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.chaos import line as lines
from tests.chaos.api import ChaosApi
from tests.chaos.engine import Engine
from tests.chaos.site import ChaosSite
from tests.chaos.suite import REFERENCE, Suite, announce
from tests.chaos.verdict import Verdict
from tests.e2e.conftest import REPRESENTATIVE, Airflow

from local_site import SiteInfo
from local_site.settings import Settings


@pytest.fixture(scope="module")
def suite(airflow: Airflow, site: SiteInfo, project_settings: Settings) -> Iterator[Suite]:
    """The tests' site with a line for each of the six; nobody else's parts of it are touched."""
    api = ChaosApi(site.airflow_url, site.airflow_user, site.airflow_password)
    breakable = ChaosSite(project_settings)
    breakable.info = site
    engine = Engine(site.docker_socket)
    laid = {fault.name: lines.lay(fault, site, breakable.layout) for fault in [REFERENCE, *REPRESENTATIVE]}
    try:
        announce(laid.values(), site, api)
        yield Suite(breakable, api, engine, laid)
    finally:
        engine.close()
        for line in laid.values():
            line.close()


@pytest.fixture(scope="module")
def verdicts(suite: Suite) -> Iterator[dict[str, Future[Verdict]]]:
    """All six at once, beside the undisturbed run that they are held against."""
    with ThreadPoolExecutor(len(REPRESENTATIVE) + 1) as pool:
        pool.submit(suite.take_reference)
        yield {fault.name: pool.submit(suite.verdict, fault) for fault in REPRESENTATIVE}


@pytest.mark.timeout(600)  # whoever comes first waits for all seven runs, which share the machine
@pytest.mark.parametrize("name", [fault.name for fault in REPRESENTATIVE])
def test_a_broken_run_ends_as_it_should(name: str, verdicts: dict[str, Future[Verdict]]) -> None:
    verdict = verdicts[name].result()
    assert verdict.good, verdict.outcome
