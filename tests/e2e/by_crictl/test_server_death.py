"""What people at the terminal see of a server that was killed."""

import os
import signal
from typing import Any

from tests.e2e.terminal import Terminal


def test_a_new_server_shows_what_the_killed_one_did(terminal: Terminal) -> None:
    pod, stopped = terminal.run_pod("web", labels={"app": "web"}), terminal.run_pod("stopped")
    containers = [terminal.start(pod, "sleeper", "running"), terminal.create(pod, "sleeper", "created")]
    containers.append(terminal.start(pod, "exit3", "exited"))
    terminal.exited(containers[-1])
    terminal.crictl("stopp", stopped)
    before = _shown(terminal, containers)
    terminal.node.server.kill()
    terminal.node.server.start()
    assert _shown(terminal, containers) == before


def _shown(terminal: Terminal, containers: list[str]) -> dict[str, Any]:
    shown = {command: terminal.crictl.json(*command.split()) for command in ("pods -o json", "ps --all -o json")}
    return {**shown, **{container: terminal.crictl.json("inspect", container) for container in containers}}


def test_an_end_while_no_server_lives_is_shown_by_the_next(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    terminal.node.server.kill()
    os.kill(pid, signal.SIGKILL)
    terminal.node.server.start()
    assert terminal.exited(container)["exitCode"] == 128 + signal.SIGKILL


def test_a_follower_outlives_the_server(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    with terminal.following(container) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "1\n"
        terminal.node.server.kill()
        during = [int(follower.stdout.readline()) for _ in range(3)]
        terminal.node.server.start()
        terminal.crictl("stop", container)
        rest = [int(line) for line in follower.stdout.read().splitlines()]
        assert follower.wait() == 0
    assert [1, *during, *rest] == list(range(1, len(during) + len(rest) + 2))
