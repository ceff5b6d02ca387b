"""A container in its pod process: from StartContainer to the exit on disk.

    start() ── fork ──▶ starting ──"S" on the report pipe──▶ running ──pidfd──▶ ended
                            └────"F" or an early death────▶ ended, 128 StartError

The pod process writes ``started`` before anyone is told that the container runs, and ``ended`` (after the last byte
of output) before anyone is told that it does not.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from sandbox import guest_process, last_words, run_record, syscalls
from sandbox.attachment import Attachment, GuestInput
from sandbox.cgroup import tree as cgroup
from sandbox.container_log import ContainerLog, LogStream
from sandbox.errors import GuestGone, InvalidSpec, NotSupported, SandboxError
from sandbox.exec_guest import START_SECONDS, ExecGuest
from sandbox.guest_fork import fork_guest
from sandbox.place_names import ENVIRONMENT, HTTP_COMPONENTS, HTTP_PIPES, LISTENER
from sandbox.pod_questions import PodGuest
from sandbox.shared_number import shared_number
from sandbox.specs import GuestSpec, Run
from sandbox.surroundings import Surroundings
from sandbox.wasm import memory_limit
from sandbox.wasm.engine import Loaded
from sandbox.wasm.guest import TRAPPED, HttpPrepared, Prepared
from sandbox.wasm.http_streams import StreamsComponents

_KILLED_BY_SIGNAL = 128
_REPORT_BYTES = 8192
_DIGITS = 20
_SHOWN_WORDS, _SHOWN_CHARACTERS = 32, 200
"""Of a command, to the pod's guests."""
_REASON_CHARACTERS = 4000
"""So that it fits a packet, however it is encoded."""


class PodContainer:
    """Calls ``on_started`` at most once and ``on_ended`` exactly once, in this order.

    ``files``: descriptors by the names of ``sandbox.start_files``, which are the container's from then on.
    """

    def __init__(
        self,
        pod: Surroundings,
        spec: GuestSpec,
        files: dict[str, int],
        on_started: Callable[["PodContainer"], None],
        on_ended: Callable[["PodContainer"], None],
    ) -> None:
        self._pod = pod
        self._loop = pod.loop
        self._layout = pod.layout
        self._files = files
        self._on_started = on_started
        self._on_ended = on_ended
        self.spec = spec
        self.run = Run()
        self.log = ContainerLog(pod.loop, spec.log_path, files.pop("log", -1))
        self.execs: list[ExecGuest] = []
        """Those that run beside it."""
        self._streams: list[LogStream] = []
        self._attachments: list[Attachment] = []
        self._most_memory = spec.memory_limit
        self._grown_to = 0
        self._group = ""
        self._memory_limit = 0
        self._memory_cell: ctypes.c_uint64 | None = None
        """Of a container that is given requests: its workers look here before each."""
        self._command: list[str] = []
        self._pid = -1
        self._pidfd = -1
        self._report = -1
        self._input: GuestInput | None = None
        self._terminal = -1

    @property
    def folder(self) -> int:
        """Descriptor of where the container's root and its compiled code are."""
        return self._files["folder"]

    def start(self, loaded: Loaded) -> None:
        """Fork the guest. Raises SandboxError or OSError when it does not come to that."""
        prepared = self._served(guest_process.prepare(self.spec, loaded, self._files))
        self._memory_limit = loaded.memory_limit
        limits = cgroup.Limits(**self.spec.limits)
        self._group = cgroup.create_guest_group(self._layout, "", self.spec.container_id, limits)
        theirs: list[int] = []
        environment = [self._files.pop(ENVIRONMENT)] if ENVIRONMENT in self._files else []
        listeners = [self._files.pop(f"{LISTENER}{place}") for place in range(len(self.spec.listen))]
        if self.spec.http:
            listeners.append(self._files.pop(HTTP_PIPES))
        try:
            self._open_descriptors(theirs)
            self._listen_for_last_words()
            group, folder = self._group, self.folder
            become = partial(guest_process.main, self.spec, prepared, self._layout, group, folder, theirs, listeners)
            self._pid, self._pidfd, _ = fork_guest(self._pod, self.spec, become)
            self._command = [word[:_SHOWN_CHARACTERS] for word in self.spec.argv[:_SHOWN_WORDS]]
            self.spec = self.spec._replace(argv=[], env=[])  # later guests of the pod inherit what is held here
        finally:
            for descriptor in {*theirs, *listeners, *environment}:
                os.close(descriptor)
        self._watch()

    def _served(self, prepared: Prepared) -> Prepared:
        """With what a component needs beside that is given requests."""
        if not self.spec.http:
            return prepared
        engine, files = prepared.loaded.engine, [self._files[name] for name in HTTP_COMPONENTS]
        *streams, client = zip(self.spec.http_components, files, strict=True)
        found = StreamsComponents(*[engine.streams_component(*component) for component in streams])
        calls = engine.client_component(*client)
        self._memory_cell = shared_number(self.spec.memory_limit)
        return prepared._replace(http=HttpPrepared(found, calls, self._memory_cell, self.spec.network))

    def guests(self) -> list[PodGuest]:
        """Its own and those that are executed beside it, as far as they run."""
        if self._pidfd < 0:
            return []
        spec, run = self.spec, self.run
        own = PodGuest(
            *(self._pid, self._pidfd, spec.container_name, "container", self._command),
            *(spec.uid, run.started_at, self._group),
        )
        return [own, *(guest for each in self.execs for guest in each.guests(self._group))]

    def signal(self, number: int) -> None:
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, number)

    def limit_memory(self, size: int) -> None:
        """Each memory of the running guest may grow to ``size`` bytes; 0: no limit. Raises SandboxError, GuestGone."""
        if self._memory_cell is not None:
            self._memory_cell.value = size  # of instances to come
        elif not self._limit_memory_of(self._pid, self._memory_limit, size):
            raise GuestGone(
                f"container {self.spec.container_id} has ended: its memory cannot be limited; create another one"
            )
        for each in self.execs:
            self._limit_memory_of(each.pid, each.memory_limit, size)
        self._most_memory = size
        self._listen_for_last_words()

    def _limit_memory_of(self, pid: int, place: int, size: int) -> bool:
        """False of a process whose death is not yet told. Raises SandboxError."""
        container = f"memory of container {self.spec.container_id}"
        if not place:
            raise NotSupported(f"{container} cannot be limited anew with this release of wasmtime: create another one")
        try:
            syscalls.write_memory(pid, place, memory_limit.encoded(size))
        except ProcessLookupError:
            return False
        except OSError as error:
            raise SandboxError(
                f"{container} cannot be limited anew: {error.strerror}; give the server CAP_SYS_PTRACE"
            ) from error
        return True

    def execute(self, guest: ExecGuest, loaded: Loaded, files: dict[str, int]) -> None:
        """Fork it beside this container's own guest. Raises GuestGone, and as ``ExecGuest.start``."""
        self._check_running()
        guest.start(loaded, self._group, self.folder, files)
        self.execs.append(guest)

    def forget(self, guest: ExecGuest) -> None:
        """It has ended."""
        if guest in self.execs:
            self.execs.remove(guest)

    def attach(self, attachment: Attachment, files: dict[str, int], on_input_end: Callable[[], None]) -> None:
        """Give the attacher what is written from now on. ``files``: its ``stdin``, ``stdout`` and ``stderr``, which are
        taken. Raises GuestGone, InvalidSpec."""
        self._check_running()
        if "stdin" in files and (self._input is None or not self._input.is_open):
            raise InvalidSpec(
                f"container {self.spec.container_id} has no open standard input: attach without, or set stdin"
            )
        for stream, name in zip(self._streams, ("stdout", "stderr"), strict=False):
            if name in files:
                stream.attach(attachment, files.pop(name))
        if self._input is not None and "stdin" in files:
            attachment.add_input(self._loop, files.pop("stdin"), self._input, on_input_end)
        self._attachments.append(attachment)

    def detach(self, attachment: Attachment) -> None:
        if attachment in self._attachments:
            self._attachments.remove(attachment)
        attachment.detach()

    def end_input(self) -> None:
        """CRI: with ``stdin_once``, the first attacher that ends its input ends the container's; not a terminal's."""
        if self._input is not None and self.spec.stdin_once and not self.spec.tty:
            self._input.end()

    def resize(self, width: int, height: int) -> None:
        """Columns and rows of its terminal, if it has one."""
        if self._terminal >= 0:
            syscalls.set_window_size(self._terminal, width, height)

    def _check_running(self) -> None:
        if not self.run.started_at or self.run.finished_at:
            raise GuestGone(f"container {self.spec.container_id} is not running: start another one")

    def fail(self, text: str) -> None:
        """Record that the container could not be started (CRI: EXITED, 128, StartError, with the error as message)."""
        if self._pidfd >= 0:
            self._end_process()
        self._drain()
        now = time.time_ns()
        self.run = Run(0, now, now, guest_process.START_ERROR, "StartError", text[:_REASON_CHARACTERS])
        self._finish()

    def _open_descriptors(self, theirs: list[int]) -> None:
        """The guest's 0 to 3 go to ``theirs`` one by one, so that none is forgotten when the next cannot be opened."""
        if self.spec.tty:
            self._open_terminal(theirs)
        else:
            self._open_pipes(theirs)
        self._report, report = os.pipe()
        theirs.append(report)

    def _open_pipes(self, theirs: list[int]) -> None:
        if self.spec.stdin:
            guest_in, stdin = os.pipe()
            self._take_input(stdin)
        else:
            guest_in = os.dup(0)  # of a pod process it is /dev/null
        theirs.append(guest_in)
        for name in (b"stdout", b"stderr"):
            source, guest_out = os.pipe()
            theirs.append(guest_out)
            self._streams.append(LogStream(self._loop, self.log, source, name))

    def _open_terminal(self, theirs: list[int]) -> None:
        source, terminal = self._files.pop("terminal"), self._files.pop("guest_terminal")
        theirs.extend((terminal, terminal, terminal))
        self._terminal = os.dup(source)
        if self.spec.stdin:
            self._take_input(os.dup(source))  # epoll takes a descriptor once
        self._streams.append(LogStream(self._loop, self.log, source, b"stdout"))

    def _take_input(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._input = GuestInput(self._loop, descriptor)

    def _listen_for_last_words(self) -> None:
        """On standard error, or the terminal."""
        self._streams[-1].words = last_words.OUT_OF_MEMORY if self._most_memory else ()

    def _watch(self) -> None:
        self._loop.watch(self._report, self._process_report)
        self._loop.watch(self._pidfd, self._process_exit)
        self._loop.call_later(START_SECONDS, self._end_start)

    def _end_start(self) -> None:
        message = f"container {self.spec.container_id} did not start within {START_SECONDS:.0f} s: let the module's "
        self.run = Run(message=message + "start section do less, or look for what its mounts wait for")
        self.signal(signal.SIGKILL)

    def _process_report(self) -> None:
        report = os.read(self._report, _REPORT_BYTES)
        self._loop.unwatch(self._report)
        self._loop.cancel(self._end_start)
        if report.startswith(b"S"):
            self._report_started(self._take_end(report[2:]))
        elif report:
            self.run = Run(exit_code=guest_process.START_ERROR, reason="StartError", message=os.fsdecode(report[1:]))

    def _report_started(self, message: str) -> None:
        self.run = Run(pid=self._pid, started_at=time.time_ns(), message=message)
        self._record(run_record.write_started)
        self._on_started(self)

    def _process_exit(self) -> None:
        if not self.run.started_at and not self.run.reason:
            self._process_report()  # it may have started and ended in one breath
        status = self._take_leave()
        if self.spec.http:
            self._reap_workers()
        self._drain()
        self.run = self._ended_run(os.waitstatus_to_exitcode(status))
        self._finish()

    def _end_process(self) -> None:
        """Of one that cannot be watched."""
        self.signal(signal.SIGKILL)
        self._take_leave()

    def _take_leave(self) -> int:
        """Its status, of a process that has ended or was killed."""
        _, status = os.waitpid(self._pid, 0)
        self._loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        return status

    def _reap_workers(self) -> None:
        """They die with the process that forked them, and are its process group."""
        try:
            os.killpg(self._pid, signal.SIGKILL)
            while True:
                os.waitpid(-self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            return

    def _ended_run(self, code: int) -> Run:
        finished = max(time.time_ns(), self.run.started_at)  # the node's clock may have been set back
        if not self.run.started_at:
            message = self.run.message or self._early_end(code)
            return Run(0, finished, finished, guest_process.START_ERROR, "StartError", message)
        exit_code = code if code >= 0 else _KILLED_BY_SIGNAL - code
        message = self.run.message or self._last_report() or self._killers_word(code)
        reason = self._reason(exit_code)
        said = self._last_words() if code > 0 and self._most_memory else b""
        if said:
            memory = self._memory()
            message = last_words.message(memory, self._most_memory, code, message)
            if last_words.are_true(said, memory, self._most_memory):
                exit_code, reason = last_words.EXIT_CODE, last_words.REASON
        elif code == TRAPPED:
            message = self._with_memory(message)
        return self.run._replace(finished_at=finished, exit_code=exit_code, reason=reason, message=message)

    def _reason(self, exit_code: int) -> str:
        if exit_code == _KILLED_BY_SIGNAL + signal.SIGKILL and self._lacked_memory():
            return last_words.REASON
        return "Error" if exit_code else "Completed"

    def _early_end(self, code: int) -> str:
        container = f"container {self.spec.container_id}"
        if code == -signal.SIGKILL and self._lacked_memory():
            return f"{container} was killed for memory before its first instruction: raise its memory limit"
        return f"guest process of {container} ended with status {code} before its first instruction"

    def _killers_word(self, code: int) -> str:
        """Seccomp tells of a hostile system call by a signal that is sent for nothing else."""
        if code != -signal.SIGSYS:
            return ""
        return (
            f"container {self.spec.container_id} was killed for a system call that no WebAssembly makes: it may have "
            "broken out of wasmtime; examine its image"
        )

    def _last_words(self) -> bytes:
        """That it is out of memory; empty if it did not say so."""
        earliest = time.monotonic() - last_words.SECONDS
        return b"".join(stream.said for stream in self._streams if stream.said_at > earliest)

    def _memory(self) -> int:
        """Bytes that the guest had, 0 where nobody tells: of its own account, else what its group used at most."""
        return self._grown_to or cgroup.most_memory(self._layout, self._group)[0]

    def _with_memory(self, message: str) -> str:
        """Of a trap near the memory limit, which may be its cause: C's ``abort`` does not say why."""
        most, limit = cgroup.most_memory(self._layout, self._group)
        return last_words.with_memory(message, most, limit) if most > limit * last_words.NEAR else message

    def _lacked_memory(self) -> bool:
        return cgroup.oom_kills(self._layout, self._group) > 0

    def _last_report(self) -> str:
        return self._take_end(os.read(self._report, _REPORT_BYTES)[1:])

    def _take_end(self, report: bytes) -> str:
        """Why it ended, if it said so. A guest that was taken over may write what it likes."""
        memory, _, message = report.partition(b" ")
        self._grown_to = int(memory) if memory.isdigit() and len(memory) < _DIGITS else self._grown_to
        return os.fsdecode(message)

    def _drain(self) -> None:
        """The guest is dead or never was, so every stream has an end."""
        for stream in self._streams:
            stream.drain()

    def _finish(self) -> None:
        self.log.close()
        if self._report >= 0:
            self._loop.unwatch(self._report)
            os.close(self._report)
            self._report = -1
        self._end_company()
        self._remove_group()
        self._record(run_record.write_ended)
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}
        self._on_ended(self)

    def _end_company(self) -> None:
        """CRI: what is executed in a container ends with it, and so do those who watch it."""
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        for guest in self.execs:
            guest.kill()
        if self._input is not None:
            self._input.close()
            self._input = None
        for attachment in list(self._attachments):
            attachment.finish()

    def _remove_group(self) -> None:
        """What cannot be removed now goes with the pod's group."""
        try:
            if self._group:
                cgroup.remove(self._layout, self._group)
        except (OSError, SandboxError) as error:
            _complain(error)

    def _record(self, write: Callable[[int, Run], None]) -> None:
        """Whoever took the record away has given the container up: the pod goes on all the same."""
        try:
            write(self._files["run"], self.run)
        except SandboxError as error:
            _complain(error)


def _complain(error: Exception) -> None:
    """Where nobody is to be told. A disk that takes no complaint either is no reason to end the pod."""
    try:
        print(error, file=sys.stderr, flush=True)
    except OSError:
        return
