"""A guest that is executed beside a container's own, in its pod process.

It is a process like the container's: in its group, its root, with its user and rights. Its streams are the server's: no
byte of them passes here, and none is logged. Its end is told when it says that it is at its end, and has closed its
streams; then it is killed, for whatever it may do still.

    start() ── fork, or a spare one ──▶ starting ──"S" on the report pipe──▶ running ──"E" or pidfd──▶ ended
                      ▲                   │ └────"F" or an early death────▶ ended, not started
                      └── fork, once ◀────┘ a spare one that dies before it has begun
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sandbox import guest_process
from sandbox.errors import SandboxError
from sandbox.guest_fork import Forked, fork_guest
from sandbox.guest_process import STREAMS
from sandbox.place_names import ENVIRONMENT
from sandbox.pod_questions import PodGuest
from sandbox.spare_guest import Spares
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Loaded

START_SECONDS = 60.0
"""What a start may take, with the guest's own start section."""
_KILLED_BY_SIGNAL = 128
_REPORT_BYTES = 8192
_MOST_DIGITS, _MOST_CODES = 3, 256


class ExecGuest:
    """Calls ``on_started`` at most once and ``on_ended`` exactly once, in this order."""

    def __init__(
        self,
        pod: Surroundings,
        spares: Spares,
        spec: GuestSpec,
        on_started: Callable[["ExecGuest"], None],
        on_ended: Callable[["ExecGuest"], None],
    ) -> None:
        self._pod = pod
        self._spares = spares
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
        self._loaded: Loaded | None = None
        self._has_ended = False
        """As far as anybody is told."""
        self._pidfd = -1
        self._report = -1
        self._group, self._folder = "", -1
        self._files: dict[str, int] = {}
        """By which it is begun anew if it was a spare one that dies before it begins."""

    def start(self, loaded: Loaded, group: str, folder: int, files: dict[str, int]) -> None:
        """``folder``: of the container's root; ``files``: its record, its streams, or its ``terminal``, and its shim,
        if it has one. They stay the caller's, or are taken all. Raises SandboxError or OSError when it does not come to
        a process."""
        self._loaded, self.memory_limit = loaded, loaded.memory_limit
        self._group, self._folder = group, folder
        with _streams(files) as streams:
            taken = self._spares.take(self.spec, group, {**files, **streams, "folder": folder})
            if taken is None:
                taken = self._fork(loaded, files, streams)
            else:
                self._files = dict(files)
                files.clear()
        self._adopt(*taken)

    def _fork(self, loaded: Loaded, files: dict[str, int], streams: dict[str, int]) -> tuple[Forked, int]:
        """And the end of its report pipe."""
        prepared = guest_process.prepare(self.spec, loaded, files)
        ours, report = os.pipe()
        try:
            descriptors, listeners = [*streams.values(), report], list[int]()
            own = partial(guest_process.main, self.spec, prepared, self._pod.layout, self._group, self._folder)
            become = partial(own, descriptors, listeners, is_executed=True)
            return fork_guest(self._pod, self.spec, become), ours
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(report)

    def _adopt(self, forked: Forked, report: int) -> None:
        self.pid, self._pidfd, self._report = forked.pid, forked.pidfd, report
        self.spec = self.spec._replace(env=[])  # later guests of the pod inherit what is held here
        try:
            self._watch()
        except OSError:
            self.kill()
            self._take_leave()
            raise

    def _begin_anew(self, loaded: Loaded) -> None:
        """As a process of its own, for the spare one has died before it began. That may have read its files."""
        try:
            for name in ("spec", ENVIRONMENT):
                if name in self._files:
                    os.lseek(self._files[name], 0, os.SEEK_SET)
            self.spec = guest_process.read_spec(self._files["spec"])
            with _streams(self._files) as streams:
                made = self._fork(loaded, self._files, streams)
            self._adopt(*made)
        except (OSError, SandboxError) as error:
            self.message = str(error)
            self._tell_end()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """It is not begun anew."""
        files, self._files = self._files, {}
        for descriptor in files.values():
            os.close(descriptor)

    def leave_spare(self) -> None:
        """For the next one like this."""
        if self._loaded is not None:
            self._spares.keep(self._pod, self.spec, self._loaded)

    def guests(self, group: str) -> list[PodGuest]:
        """Itself, if it runs."""
        if self._pidfd < 0 or self._has_ended:
            return []
        spec = self.spec
        names = (spec.container_name, "exec", spec.argv)
        return [PodGuest(self.pid, self._pidfd, *names, spec.uid, self.started_at, group)]

    def kill(self) -> None:
        self._let_go()
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _watch(self) -> None:
        loop = self._pod.loop
        loop.watch(self._report, self._process_report)
        loop.watch(self._pidfd, self._process_exit)
        loop.call_later(START_SECONDS, self._end_start)

    def _end_start(self) -> None:
        self.message = f"it did not start within {START_SECONDS:.0f} s: let the module's start section do less"
        self.kill()

    def _process_report(self) -> None:
        report = os.read(self._report, _REPORT_BYTES)
        if report:
            self._let_go()
        if report.startswith(b"B"):
            report = report[1:]
            if not report:
                return  # that it has started, or why it could not, comes next
        self._pod.loop.cancel(self._end_start)
        if report.startswith(b"S") and not self.started_at:
            self.started_at = time.time_ns()
            self._on_started(self)
            report = report[1:]
            if not report:
                return  # its end is told next
        self._pod.loop.unwatch(self._report)
        if self.started_at:
            self._process_last_report(report)
        else:
            self.message = os.fsdecode(report[1:])

    def _process_last_report(self, report: bytes) -> None:
        """Of a guest that was taken over it may be anything."""
        digits = report[1:]
        if report.startswith(b"E") and digits.isdigit() and len(digits) <= _MOST_DIGITS:
            self.exit_code = int(digits) % _MOST_CODES
            self.kill()
            self._tell_end()

    def _process_exit(self) -> None:
        if not self.message and not self._has_ended:
            self._process_report()  # it may have started and ended in one breath
        code = os.waitstatus_to_exitcode(self._take_leave())
        if self._files and self._loaded is not None:
            self._begin_anew(self._loaded)
        elif not self._has_ended:
            self._process_death(code)

    def _take_leave(self) -> int:
        """Its status, of a process that has ended or was killed."""
        _, status = os.waitpid(self.pid, 0)
        for descriptor in (self._pidfd, self._report):
            self._pod.loop.unwatch(descriptor)
            os.close(descriptor)
        self._pidfd = -1
        return status

    def _process_death(self, code: int) -> None:
        self.exit_code = code if code >= 0 else _KILLED_BY_SIGNAL - code
        if not self.started_at:
            self.message = self.message or f"its process ended with status {code} before its first instruction"
        self._tell_end()

    def _tell_end(self) -> None:
        self._has_ended = True
        self._on_ended(self)


@contextmanager
def _streams(files: dict[str, int]) -> Iterator[dict[str, int]]:
    """What becomes 0 to 2, by their names."""
    null = os.dup(0)  # of a pod process it is /dev/null
    try:
        yield {name: files.get("terminal", files.get(name, null)) for name in STREAMS}
    finally:
        os.close(null)
