from pathlib import Path

import pytest

from sandbox.cgroup.driver import default_driver
from sandbox.cgroup.layout import Layout


@pytest.mark.parametrize(
    ("unified", "booted", "driver"),
    [(True, True, "systemd"), (True, False, "cgroupfs"), (False, True, "cgroupfs"), (False, False, "cgroupfs")],
)
def test_systemd_is_the_driver_where_it_manages_one_hierarchy(
    tmp_path: Path, unified: bool, booted: bool, driver: str
) -> None:
    mark = tmp_path / "system"
    mark.mkdir() if booted else None
    assert default_driver(Layout(unified, (), {}), str(mark)) == driver
