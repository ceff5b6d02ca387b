"""What processes have open, as ``/proc/<pid>`` tells the host."""

import os
from typing import NamedTuple

from sandbox import kernel_files

_OPEN_FILES = b"Max open files"


class OpenFiles(NamedTuple):
    descriptors: int
    sockets: int
    """Of the descriptors."""


def open_files(pids: list[int]) -> OpenFiles:
    """Of all of them together. One that has ended has nothing open."""
    targets = [target for pid in pids for target in _targets(f"/proc/{pid}/fd")]
    return OpenFiles(len(targets), sum(target.startswith("socket:") for target in targets))


def _targets(folder: str) -> list[str]:
    try:
        return [_target(f"{folder}/{name}") for name in os.listdir(folder)]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except (FileNotFoundError, ProcessLookupError):
        return ""  # closed meanwhile


def open_files_limit(pid: int) -> int | None:
    """The soft limit of a process; None without a limit, or without the process."""
    try:
        return parse_open_files_limit(kernel_files.read(f"/proc/{pid}/limits"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_open_files_limit(limits: bytes) -> int | None:
    """Of the text of ``limits`` (proc_pid_limits(5))."""
    for line in limits.splitlines():
        if line.startswith(_OPEN_FILES):
            soft = line.removeprefix(_OPEN_FILES).split()[0]
            return None if soft == b"unlimited" else int(soft)
    return None
