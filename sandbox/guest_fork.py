"""The fork of a guest process by its pod process: a container's own, and those that are executed beside it."""

import os
import signal
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.pod_questions import Asker
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings

_SCORE_BYTES = 16


class Forked(NamedTuple):
    pid: int
    """As the pod numbers it."""
    pidfd: int
    asker: Asker | None
    """What answers it, if it asks."""


def fork_guest(pod: Surroundings, spec: GuestSpec, become: Callable[[int], NoReturn]) -> Forked:
    """``become``: its life, as one of those of ``guest_process``; it is given the guest's end of the socket by which
    that asks, -1 for none. Raises SandboxError, OSError: then there is no process."""
    asker = Asker(pod.loop, pod.layout, pod.guests, spec.uid) if spec.asks_host else None
    try:
        pid = _fork(pod, spec, become, asker.theirs if asker is not None else -1)
        return Forked(pid, _followed(pid, asker), asker)
    except BaseException:
        if asker is not None:
            asker.close()
        raise


def _fork(pod: Surroundings, spec: GuestSpec, become: Callable[[int], NoReturn], questions: int) -> int:
    """There is room for one more descriptor then."""
    room = os.dup(pod.oom_score)
    try:
        own_score = os.pread(pod.oom_score, _SCORE_BYTES, 0)
        _set_oom_score(pod, b"%d" % spec.oom_score_adj)
        pid = syscalls.fork()
        if pid == 0:
            become(questions)
        _set_oom_score(pod, own_score)
    finally:
        os.close(room)
    if pid < 0:
        raise SandboxError(
            f"container {spec.container_id} cannot be started: no process can be made; raise pids limits"
        )
    return pid


def _followed(pid: int, asker: Asker | None) -> int:
    """A descriptor of it. It is ended where there can be none."""
    pidfd = -1
    try:
        pidfd = os.pidfd_open(pid)
        if asker is not None:
            asker.follow(pid)
    except OSError:
        _reap(pid)
        if pidfd >= 0:
            os.close(pidfd)
        raise
    return pidfd


def end(forked: Forked) -> int:
    """Kill it, if it has not ended. Its status, once it is gone."""
    status = _reap(forked.pid)
    os.close(forked.pidfd)
    return status


def _reap(pid: int) -> int:
    """Only its parent takes away its number."""
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _set_oom_score(pod: Surroundings, score: bytes) -> None:
    try:
        os.pwrite(pod.oom_score, score, 0)
    except PermissionError:
        return  # lower than the pod's own takes CAP_SYS_RESOURCE: the guest is left with that
