"""Processes that tests leave to the test session when their parents die.

In a container PID 1 may never reap, and a killed server's or zygote's children would stay as zombies. The session makes
itself their parent instead, reaps them at its end, and ends those that still live: a test should have.
"""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 240.0


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own. Raises OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def children() -> dict[int, str]:
    """Command line of every child of this process by its id, without Python's own resource tracker."""
    commands = {pid: command_line(pid) for pid in children_of(os.getpid())}
    return {pid: command for pid, command in commands.items() if "resource_tracker" not in command}


def children_of(pid: int) -> list[int]:
    """Of each of its threads, which may end meanwhile."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """Arguments of a process, empty for a zombie and where there is none."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return line.replace(b"\0", b" ").decode(errors="replace").strip()


def reap() -> None:
    """Take the exit status of every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_children() -> dict[int, str]:
    """Reap every child and kill those that do not end by themselves; returns the killed."""
    deadline = time.monotonic() + GRACE_SECONDS
    reap()
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
        reap()
    killed = children()
    for pid in killed:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # a thread that still waits for it was faster
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return killed
