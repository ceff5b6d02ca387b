"""How soon the kernel kills the processes of a container when the whole node lacks memory (proc(5), oom_score_adj)."""

import errno

from sandbox import kernel_files
from sandbox.cgroup import tree
from sandbox.errors import NotSupported, SandboxError


def update(layout: tree.Layout, group: str, score: int) -> dict[int, bytes]:
    """Of all processes in the group, or of none. What each had before. Raises NotSupported."""
    before: dict[int, bytes] = {}
    try:
        for pid in tree.processes(layout, group):
            _update_process(pid, score, before)
    except SandboxError:
        put_back(before)
        raise
    return before


def put_back(before: dict[int, bytes]) -> None:
    for pid, value in before.items():
        _write(pid, value)


def _update_process(pid: int, score: int, before: dict[int, bytes]) -> None:
    value = b"%d\n" % score
    try:
        present = kernel_files.read(f"/proc/{pid}/oom_score_adj")
    except OSError as error:
        _ignore_end(error)
        return
    if present != value:
        _write(pid, value)
        before[pid] = present


def _write(pid: int, value: bytes) -> None:
    try:
        kernel_files.write(f"/proc/{pid}/oom_score_adj", value)
    except PermissionError as error:
        raise NotSupported(
            f"oom_score_adj of process {pid} cannot be lowered to {int(value)}: {error.strerror}; "
            "give the server CAP_SYS_RESOURCE or ask for a higher one"
        ) from error
    except OSError as error:
        _ignore_end(error)


def _ignore_end(error: OSError) -> None:
    if error.errno not in (errno.ENOENT, errno.ESRCH):
        raise error
