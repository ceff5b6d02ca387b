"""The fork of a guest process by its pod process: a container's own, and those that are executed beside it."""

import os

from sandbox import guest_process, syscalls
from sandbox.errors import SandboxError
from sandbox.pod_questions import Asker
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.guest import Prepared

_SCORE_BYTES = 16


def fork_guest(
    pod: Surroundings,
    spec: GuestSpec,
    prepared: Prepared,
    group: str,
    folder: int,
    theirs: list[int],
    listeners: list[int],
) -> int:
    """The process' number. ``folder``, ``theirs``, ``listeners``: see ``guest_process.main``. Raises SandboxError,
    OSError."""
    own_score = os.pread(pod.oom_score, _SCORE_BYTES, 0)
    asker = Asker(pod.loop, pod.layout, pod.guests, spec.uid) if spec.asks_host else None
    _set_oom_score(pod, b"%d" % spec.oom_score_adj)
    pid = syscalls.fork()
    if pid == 0:
        questions = asker.theirs if asker is not None else -1
        guest_process.main(spec, prepared, pod.layout, group, folder, theirs, listeners, questions)
    _set_oom_score(pod, own_score)
    if asker is not None:
        asker.follow(pid)
    if pid < 0:
        raise SandboxError(
            f"container {spec.container_id} cannot be started: no process can be made; raise pids limits"
        )
    return pid


def _set_oom_score(pod: Surroundings, score: bytes) -> None:
    try:
        os.pwrite(pod.oom_score, score, 0)
    except PermissionError:
        return  # lower than the pod's own takes CAP_SYS_RESOURCE: the guest is left with that
