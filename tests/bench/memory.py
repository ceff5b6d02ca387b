"""Memory of processes: proportional set sizes, so that a page shared by n processes counts once in their sum."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def memory_of_all(excluded: Iterable[int]) -> int:
    """Of every process that can be seen but the excluded ones, in bytes."""
    left_out = set(excluded)
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdecimal())
    return sum(_proportional_bytes(pid) for pid in pids if pid not in left_out)


def memory_of(pids: Iterable[int]) -> int:
    """Of these processes, in bytes."""
    return sum(map(_proportional_bytes, pids))


def _proportional_bytes(pid: int) -> int:
    # A process may end meanwhile; a kernel thread or a zombie has no memory.
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
