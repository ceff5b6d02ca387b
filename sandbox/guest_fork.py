"""The fork of a guest process by its pod process: a container's own, and those that are executed beside it."""

import os
from collections.abc import Callable
from typing import NoReturn

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.pod_questions import Asker
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings

_SCORE_BYTES = 16


def fork_guest(pod: Surroundings, spec: GuestSpec, become: Callable[[int], NoReturn]) -> tuple[int, Asker | None]:
    """The process' number, and what answers it if it asks. ``become``: its life, as one of those of ``guest_process``,
    of which the last argument is its end of the socket by which it asks, -1 for none. Raises SandboxError, OSError."""
    own_score = os.pread(pod.oom_score, _SCORE_BYTES, 0)
    asker = Asker(pod.loop, pod.layout, pod.guests, spec.uid) if spec.asks_host else None
    _set_oom_score(pod, b"%d" % spec.oom_score_adj)
    pid = syscalls.fork()
    if pid == 0:
        become(asker.theirs if asker is not None else -1)
    _set_oom_score(pod, own_score)
    if asker is not None:
        asker.follow(pid)
    if pid < 0:
        raise SandboxError(
            f"container {spec.container_id} cannot be started: no process can be made; raise pids limits"
        )
    return pid, asker


def _set_oom_score(pod: Surroundings, score: bytes) -> None:
    try:
        os.pwrite(pod.oom_score, score, 0)
    except PermissionError:
        return  # lower than the pod's own takes CAP_SYS_RESOURCE: the guest is left with that
