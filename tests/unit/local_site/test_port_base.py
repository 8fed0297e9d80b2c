"""A port base that cannot be used is named at once, before anything is started."""

from __future__ import annotations

import pytest

from local_site.errors import SettingInvalid
from local_site.settings import Settings


@pytest.mark.parametrize("text", ["abc", "", "80", "-1", "65530"])
def test_a_port_base_that_leaves_no_room_is_refused_with_the_range(text):
    with pytest.raises(SettingInvalid, match=f"EDGE_PORT_BASE={text} cannot be used; set a number from 1024"):
        Settings.from_environment({"EDGE_PORT_BASE": text})


def test_the_ports_follow_from_the_base():
    ports = Settings.from_environment({"EDGE_PORT_BASE": "20000"}).ports
    assert (ports.airflow, ports.service) == (20080, 20090)
