"""The version of Docker's API that we agree on."""

from __future__ import annotations

import pytest

from edge_training.adapters.docker.site_link import agreed_version


@pytest.mark.parametrize(
    ("newest", "oldest", "agreed"),
    [
        ("1.41", "1.12", (1, 41)),
        ("1.50", "1.24", (1, 41)),
        ("1.52", "1.44", (1, 44)),
        ("1.40", "1.12", (1, 40)),
    ],
)
def test_we_speak_20_10s_api_unless_the_daemon_cannot(newest, oldest, agreed):
    assert agreed_version({"ApiVersion": newest, "MinAPIVersion": oldest}) == agreed


@pytest.mark.parametrize("answer", [{}, {"ApiVersion": "1.41"}, {"ApiVersion": "x", "MinAPIVersion": "1.12"}])
def test_an_answer_without_versions_is_not_dockers(answer):
    with pytest.raises((LookupError, ValueError)):
        agreed_version(answer)
