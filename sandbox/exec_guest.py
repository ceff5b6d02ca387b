"""A guest that is executed beside a container's own, in its pod process.

It is a process like the container's: in its group, its root, with its user and rights. Its streams are the server's: no
byte of them passes here, and none is logged.

    start() ── fork ──▶ starting ──"S" on the report pipe──▶ running ──pidfd──▶ ended
                            └────"F" or an early death────▶ ended, not started
"""

import os
import signal
import time
from collections.abc import Callable

from sandbox import guest_process
from sandbox.guest_fork import fork_guest
from sandbox.pod_questions import PodGuest
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Loaded

START_SECONDS = 60.0
"""What a start may take, with the guest's own start section."""
_KILLED_BY_SIGNAL = 128
_REPORT_BYTES = 8192
_STREAMS = ("stdin", "stdout", "stderr")


class ExecGuest:
    """Calls ``on_started`` at most once and ``on_ended`` exactly once, in this order."""

    def __init__(
        self,
        pod: Surroundings,
        spec: GuestSpec,
        on_started: Callable[["ExecGuest"], None],
        on_ended: Callable[["ExecGuest"], None],
    ) -> None:
        self._pod = pod
        self._on_started = on_started
        self._on_ended = on_ended
        self.spec = spec
        self.pid = -1
        """As the pod numbers it."""
        self.started_at = 0
        """Nanoseconds since the epoch, 0: not yet."""
        self.exit_code = 0
        self.message = ""
        """Why it could not be started."""
        self.memory_limit = 0
        """Address, in its process, of what its memories may grow to; 0: there is none."""
        self._pidfd = -1
        self._report = -1

    def start(self, loaded: Loaded, group: str, folder: int, files: dict[str, int]) -> None:
        """Fork it. ``folder``: of the container's root; ``files``: its streams, or its ``terminal``, and its shim,
        if it has one, which stay the caller's. Raises SandboxError or OSError when it does not come to that."""
        prepared = guest_process.prepare(self.spec, loaded, files)
        self.memory_limit = loaded.memory_limit
        null = os.dup(0)  # of a pod process it is /dev/null
        try:
            self._report, report = os.pipe()
            theirs = [files.get("terminal", files.get(name, null)) for name in _STREAMS]
            try:
                self.pid = fork_guest(self._pod, self.spec, prepared, group, folder, [*theirs, report], [])
            finally:
                os.close(report)
        except BaseException:
            self._close_report()
            raise
        finally:
            os.close(null)
        self.spec = self.spec._replace(env=[])  # later guests of the pod inherit what is held here
        self._watch()

    def guests(self, group: str) -> list[PodGuest]:
        """Itself, if it runs."""
        if self._pidfd < 0:
            return []
        spec = self.spec
        names = (spec.container_name, "exec", spec.argv)
        return [PodGuest(self.pid, self._pidfd, *names, spec.uid, self.started_at, group)]

    def kill(self) -> None:
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _watch(self) -> None:
        loop = self._pod.loop
        self._pidfd = os.pidfd_open(self.pid)
        loop.watch(self._report, self._process_report)
        loop.watch(self._pidfd, self._process_exit)
        loop.call_later(START_SECONDS, self._end_start)

    def _end_start(self) -> None:
        self.message = f"it did not start within {START_SECONDS:.0f} s: let the module's start section do less"
        self.kill()

    def _process_report(self) -> None:
        report = os.read(self._report, _REPORT_BYTES)
        self._pod.loop.unwatch(self._report)
        self._pod.loop.cancel(self._end_start)
        if report.startswith(b"S"):
            self.started_at = time.time_ns()
            self._on_started(self)
        elif report:
            self.message = os.fsdecode(report[1:])

    def _process_exit(self) -> None:
        if not self.started_at and not self.message:
            self._process_report()  # it may have started and ended in one breath
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.exit_code = code if code >= 0 else _KILLED_BY_SIGNAL - code
        if not self.started_at:
            self.message = self.message or f"its process ended with status {code} before its first instruction"
        self._pod.loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._close_report()
        self._on_ended(self)

    def _close_report(self) -> None:
        if self._report >= 0:
            self._pod.loop.unwatch(self._report)
            os.close(self._report)
            self._report = -1
