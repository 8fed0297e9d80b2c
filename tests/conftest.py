"""What all tests share: a running site of their own, started when the first test asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_site import SiteInfo
from local_site.settings import Settings
from local_site.site import Site

TESTS_DIR = Path(__file__).parent
MARKED_DIRECTORIES = ("integration", "e2e")
ON_DEMAND = "frameworks"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test is marked by the directory it stands in; some run only when their marker is named."""
    for item in items:
        directory = item.path.relative_to(TESTS_DIR).parts[0]
        if directory in MARKED_DIRECTORIES:
            item.add_marker(directory)
    if ON_DEMAND not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker(ON_DEMAND)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def site_settings() -> Settings:
    """Settings of the tests' site: beside a user's own, with its own ports and Docker engine."""
    return Settings.for_tests()


@pytest.fixture(scope="session")
def site(site_settings: Settings) -> SiteInfo:
    """The running site without Airflow; what runs already is used, and `make test` stops it at the end."""
    return Site(site_settings).up()


@pytest.fixture(scope="session")
def airflow_site(site_settings: Settings) -> SiteInfo:
    """The running site with Airflow."""
    return Site(site_settings, with_airflow=True).up()
