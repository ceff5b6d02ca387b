"""Logs of containers."""

import re
from pathlib import Path

from tests.e2e.terminal import Terminal
from tests.real_node import eventually


def test_logs(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["flood", "5", "then", "err", "failed"])
    terminal.exited(container)
    crictl = terminal.crictl
    printed = crictl.printed("logs", container)
    assert printed.out.splitlines() == [f"line {number}" for number in range(5)]
    assert printed.err == "failed\n", "standard error comes out of standard error"
    assert crictl.lines("logs", "--tail", "3", container) == ["line 3", "line 4"]
    assert crictl.printed("logs", "--stream", "stderr", container)[1:] == ("", "failed\n")
    stamped = crictl.lines("logs", "--timestamps", container)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}(Z|[+-][\d:]{5}) line \d", line) for line in stamped)


def test_a_follower_gets_lines_as_they_are_written_until_the_container_exits(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    with terminal.following(container) as follower:
        assert follower.stdout is not None
        assert [follower.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
        assert terminal.status(container)["state"] == "CONTAINER_RUNNING"
        terminal.crictl("stop", container)
        rest = follower.stdout.read().splitlines()
        assert follower.wait() == 0
    assert ["1", "2", "3", *rest] == terminal.crictl.lines("logs", container)


def test_logs_of_the_attempt_before(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    first = terminal.start(pod, "tool", "app", args=["print", "first\n"])
    terminal.exited(first)
    second = terminal.start(pod, "tool", "app", attempt=1, args=["print", "second\n"])
    terminal.exited(second)
    assert terminal.crictl("logs", second) == "second"
    assert terminal.crictl("logs", "--previous", second) == "first"
    assert "not found" in terminal.crictl.refused("logs", "--previous", first)


def test_a_log_that_was_rotated_is_reopened(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "tool", args=["count", "0.1"])
    log = Path(terminal.status(container)["logPath"])
    rotated = log.rename(log.with_suffix(".rotated"))
    printed = terminal.crictl.printed("logs", "--reopen", container)
    assert (printed.status, "Container logs reopened" in printed.err) == (0, True)
    eventually(lambda: len(log.read_text().splitlines()) > 1)
    lines = [*rotated.read_text().splitlines(), *terminal.crictl.lines("logs", "--timestamps", container)]
    numbers = [int(line.split()[-1]) for line in lines]
    assert numbers == list(range(1, len(numbers) + 1)), "no line is lost"
    terminal.crictl("stop", container)
    assert "is not running" in terminal.crictl.refused("logs", "--reopen", container)
