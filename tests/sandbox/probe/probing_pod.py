"""A zygote whose pod processes run native code when they are told to, with all that they have. All else is as always.

    request     fields      answer
    probe       attempt     status, line        (of a process forked for it; see ``probe.c``)
    look        -           places              (what can be listed: by path, and up from each directory held open)
    reach       paths, pids found               (those that are there)

The path of the probe and what to leave out come first in ``sys.argv``.
"""

import ctypes
import os
import sys
from contextlib import suppress
from typing import Any

from sandbox import pod_process, syscalls, zygote
from sandbox.pod_process import PodProcess
from tests.sandbox.probe.probing_zygote import NoFilter

_LEVELS = 30


def main() -> None:
    probe = ctypes.PyDLL(sys.argv.pop(1)).probe
    if sys.argv.pop(1) == "unfiltered":
        pod_process._FILTER = NoFilter()  # type: ignore[assignment]
    usual = PodProcess._process_request

    def process(pod: PodProcess, connection: int, request: Any, carried: list[int]) -> Any:
        if request["op"] == "probe":
            return _tried(probe, request["attempt"])
        if request["op"] == "look":
            return {"places": _places()}
        if request["op"] == "reach":
            return {
                "found": " ".join([*filter(os.path.lexists, request["paths"]), *filter(_is_there, request["pids"])])
            }
        return usual(pod, connection, request, carried)

    PodProcess._process_request = process  # type: ignore[assignment, method-assign]
    zygote.main()


def _tried(probe: Any, attempt: str) -> dict[str, Any]:
    told, teller = os.pipe()
    pid = syscalls.fork()
    if pid == 0:
        os.dup2(teller, 1)
        os._exit(probe(attempt.encode()))
    os.close(teller)
    _, status = os.waitpid(pid, 0)
    line = os.read(told, 4096)
    os.close(told)
    return {"status": os.waitstatus_to_exitcode(status), "line": line.decode()}


def _places() -> dict[str, str]:
    """Names of directories in each place; those of the kernel's files in a group are left out."""
    found = {folder: " ".join(sorted(folders)) for folder, folders, _ in os.walk("/")}
    for descriptor in range(4, 200):
        with suppress(OSError):
            found[f"above {descriptor}"] = " ".join(sorted(os.listdir(_climbed(descriptor))))
    return found


def _is_there(pid: str) -> bool:
    """Signal 0 asks whether there is somebody to be signalled."""
    with suppress(ProcessLookupError):
        os.kill(int(pid), 0)
        return True
    return False


def _climbed(descriptor: int) -> int:
    """As far up as it goes from an open directory."""
    for _ in range(_LEVELS):
        descriptor = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
    return descriptor
