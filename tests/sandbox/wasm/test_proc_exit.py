"""The exit status of a module."""

import pytest

from tests.sandbox.wasm.conftest import Host


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(0, 0), (3, 3), (125, 125), (126, 126), (137, 137), (255, 255), (256, 0), (259, 3), (4294967295, 255)],
)
def test_a_module_may_exit_with_any_status(host: Host, status: int, exit_code: int) -> None:
    assert host.run("exit", str(status)).outcome == {"exit_code": exit_code, "message": ""}


def test_each_guest_has_a_status_of_its_own(host: Host) -> None:
    assert host.run("exit", "200", times=3).outcomes == [{"exit_code": 200, "message": ""}] * 3
