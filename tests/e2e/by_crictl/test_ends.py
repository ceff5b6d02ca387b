"""How containers end."""

import signal
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal


@pytest.mark.parametrize(
    ("timeout", "exit_code"), [((), 128 + signal.SIGKILL), (("--timeout", "60"), 128 + signal.SIGTERM)]
)
def test_stop(terminal: Terminal, timeout: tuple[str, ...], exit_code: int) -> None:
    container = terminal.start(terminal.run_pod(), "busy")
    for _ in range(2):
        assert terminal.crictl("stop", *timeout, container) == container
    status = terminal.status(container)
    assert (status["state"], status["exitCode"], status["reason"]) == ("CONTAINER_EXITED", exit_code, "Error")
    assert terminal.crictl.json("inspect", container)["info"]["pid"] == 0


@pytest.mark.parametrize(
    ("guest_name", "exit_code", "reason", "message"),
    [("hello", 0, "Completed", ""), ("exit3", 3, "Error", ""), ("trap", 134, "Error", "unreachable")],
)
def test_how_a_guest_ended(terminal: Terminal, guest_name: str, exit_code: int, reason: str, message: str) -> None:
    container = terminal.start(terminal.run_pod(), guest_name)
    status = terminal.exited(container)
    assert (status["exitCode"], status["reason"]) == (exit_code, reason)
    assert message in status["message"]
    assert status["createdAt"] < status["startedAt"] <= status["finishedAt"]
    assert f"Exit Code: {exit_code}" in terminal.crictl.lines("inspect", "-o", "table", container)


def test_a_guest_that_takes_more_memory_than_its_limit(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    bystander = terminal.start(pod, "sleeper", "bystander")
    limited = {"resources": {"memory_limit_in_bytes": 32 << 20}}
    status = terminal.exited(terminal.start(pod, "toucher", "hungry", linux=limited))
    assert (status["exitCode"], status["reason"]) == (128 + signal.SIGKILL, "OOMKilled")
    assert terminal.status(bystander)["state"] == "CONTAINER_RUNNING"


def test_a_guest_is_refused_memory_before_it_is_killed_for_it(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 << 20}}
    container = terminal.start(terminal.run_pod(), "memory_hog", linux=limited)
    assert terminal.exited(container)["exitCode"] == 0
    assert terminal.crictl("logs", container) == "no more"


def test_rm_with_force_ends_a_container_and_its_logs_can_be_kept(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    log = Path(terminal.status(container)["logPath"])
    assert set(terminal.crictl.lines("rm", "--force", "--keep-logs", container)) == {container}
    assert log.exists()
    assert terminal.crictl.table("ps", "--all") == []
    assert terminal.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_READY"
