"""CPU time of processes, to the nanosecond: what an idle process uses in seconds is far less than a clock tick."""

import os
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def server_pid(path: Path) -> int:
    """The process that listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


def all_pids() -> set[int]:
    """Of all processes that can be seen."""
    return {int(entry) for entry in os.listdir("/proc") if entry.isdecimal()}


def cores_used(groups: Iterable[set[int]], seconds: float) -> list[float]:
    """What each group of processes uses while this waits, in cores."""
    groups = list(groups)
    begin, before = time.perf_counter(), [_used(group) for group in groups]
    time.sleep(seconds)
    elapsed, after = time.perf_counter() - begin, [_used(group) for group in groups]
    return [
        sum(now.get(task, used) - used for task, used in then.items()) / elapsed / 1e9
        for then, now in zip(before, after, strict=True)
    ]


def _used(pids: Iterable[int]) -> dict[tuple[int, str], int]:
    """Nanoseconds by thread: what ends meanwhile is left out."""
    found: dict[tuple[int, str], int] = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{pid}/task"):
                found[pid, task] = int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return found
