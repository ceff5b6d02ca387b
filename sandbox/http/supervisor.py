"""The guest process of a container that serves requests: it runs no guest, but keeps workers that do.

A process that has run a guest cannot be forked, so all workers are forked by this one. One that ends is replaced, at
once the first time, later and later when it does not last. SIGTERM ends the container in order: no connection is
accepted any more, what has begun is finished, and the exit code is 0. When this process is killed, its workers die with
it.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from sandbox import syscalls
from sandbox.http import worker
from sandbox.http.body_pipes import SETS_PER_WORKER, BodyPipes, OutputPipes
from sandbox.http.limits import HttpLimits
from sandbox.http.tallies import Tallies, Tally
from sandbox.wasm.http_guest import HttpGuest

_SHORTEST, _LONGEST = 0.1, 10.0
"""Seconds until a worker that has ended is replaced."""
_LASTING = 10.0
"""Seconds after which a worker counts as one that works."""
_REPORT_BYTES = 4096
_GARBAGE = 10_000
"""Objects more than before. What was there before the fork is not looked at."""
_SIGNAL_BYTES = 128
_REPORTED_STARTED, _REPORTED_FAILED = b"S", b"F"
_START_ERROR = 128


class Service(NamedTuple):
    guest: HttpGuest
    limits: HttpLimits
    listener: int
    pipes: int
    """Folder of the pipes of bodies."""
    report: int
    """What the pod process hears (see ``sandbox.guest_process``)."""
    memory_limit: Callable[[], int]
    close_ways: Callable[[], None]
    """To the kernel and to new code, for a worker."""
    code: int
    """Descriptor of the compiled code."""


class _Worker:
    """``place``: which of the container's workers it is. ``pipes``: the set that it has as long as it lives."""

    def __init__(self, place: int, pipes: int, pid: int, channel: int) -> None:
        self.place = place
        self.pipes = pipes
        self.pid = pid
        self.channel = channel
        self.since = time.monotonic()
        self.has_started = False
        self.is_replaced = False


class Supervisor:
    def __init__(self, service: Service, sigterm: int) -> None:
        self._service = service
        self._sigterm = sigterm
        self._poll = select.poll()
        self._workers: dict[int, _Worker] = {}
        """By their channels."""
        self._due: dict[int, float] = {}
        """When a place is to be filled again."""
        self._delays = dict.fromkeys(range(service.limits.workers), _SHORTEST)
        self._free_pipes = list(range(service.limits.workers * SETS_PER_WORKER))
        self._tallies = Tallies(len(self._free_pipes))
        """By the workers' sets of pipes."""
        self._is_reported = False
        self._is_ending = False

    def run(self) -> NoReturn:
        self._poll.register(self._sigterm, select.POLLIN)
        for place in range(self._service.limits.workers):
            self._start(place)
        while True:
            for descriptor, _ in self._poll.poll(self._patience()):
                if descriptor == self._sigterm:
                    self._drain()
                elif descriptor in self._workers:
                    self._hear(self._workers[descriptor])
            self._fill()

    def _patience(self) -> int | None:
        if not self._due:
            return None
        return max(0, int((min(self._due.values()) - time.monotonic()) * 1000) + 1)

    def _fill(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self._due.items() if due <= now]:
            del self._due[place]
            self._start(place)

    def _start(self, place: int) -> None:
        pipes = self._take_pipes()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = syscalls.fork()
        if pid == 0:
            _become_worker(self._service, pipes, theirs.detach(), self._tallies)
        theirs.close()
        channel = ours.detach()
        self._workers[channel] = _Worker(place, pipes, pid, channel)
        self._poll.register(channel, select.POLLIN)
        if pid < 0:
            self._lose(self._workers[channel], b"")

    def _take_pipes(self) -> int:
        """Where as many workers retire as there are, the one that has done so for the longest gives way."""
        if not self._free_pipes:
            oldest = next(each for each in self._workers.values() if each.is_replaced)
            os.kill(oldest.pid, signal.SIGKILL)
            self._lose(oldest, b"")
        return self._free_pipes.pop()

    def _hear(self, told: _Worker) -> None:
        try:
            said = os.read(told.channel, _REPORT_BYTES)
        except ConnectionError:
            said = b""
        if said == worker.STARTED:
            told.has_started = True
            self._report_started()
        elif said == worker.RETIRING:
            self._succeed(told)
        else:
            self._lose(told, said)

    def _succeed(self, retiring: _Worker) -> None:
        retiring.is_replaced = True
        if not self._is_ending:
            self._start(retiring.place)

    def _report_started(self) -> None:
        if not self._is_reported and all(each.has_started for each in self._workers.values()):
            self._is_reported = True
            os.write(self._service.report, _REPORTED_STARTED)

    def _lose(self, lost: _Worker, reason: bytes) -> None:
        self._poll.unregister(lost.channel)
        os.close(lost.channel)
        del self._workers[lost.channel]
        status = os.waitpid(lost.pid, 0)[1] if lost.pid > 0 else 1
        self._free_pipes.append(lost.pipes)
        self._tallies.forget(lost.pipes)
        code = os.waitstatus_to_exitcode(status)
        if not self._is_reported:
            self._give_up(reason[1:] or f"its worker ended with status {code}".encode())
        if code == -signal.SIGSYS:
            os.kill(os.getpid(), signal.SIGSYS)  # as a guest of its own, which nothing survives
        if self._is_ending:
            self._end_if_alone()
        elif not lost.is_replaced:
            self._replace(lost, code)

    def _give_up(self, reason: bytes) -> NoReturn:
        os.write(self._service.report, _REPORTED_FAILED + reason)
        os._exit(_START_ERROR)

    def _replace(self, lost: _Worker, code: int) -> None:
        now = time.monotonic()
        lasted = now - lost.since > _LASTING
        delay = _SHORTEST if lasted else self._delays[lost.place]
        self._delays[lost.place] = min(2 * delay, _LONGEST)
        self._due[lost.place] = now + delay
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        text = f"HTTP worker {lost.place} {how}: another one takes its place in {delay:g} s\n"
        os.write(2, text.encode())

    def _drain(self) -> None:
        os.read(self._sigterm, _SIGNAL_BYTES)
        if not self._is_ending:
            self._is_ending = True
            self._due.clear()
            os.close(self._service.listener)
            for each in self._workers.values():
                with contextlib.suppress(OSError):  # it has just ended
                    os.write(each.channel, worker.DRAIN)
            self._end_if_alone()

    def _end_if_alone(self) -> None:
        if not self._workers:
            os._exit(0)


def _become_worker(service: Service, pipes: int, channel: int, tallies: Tallies) -> NoReturn:
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.set_process_name(b"wasmlet-http")
        os.putenv("TOKIO_WORKER_THREADS", "1")  # with more, each body wakes all of them
        gc.set_threshold(_GARBAGE)
        gc.enable()
        listener = _listener(service.listener)
        os.set_blocking(service.listener, False)
        os.fchdir(service.pipes)
        syscalls.close_descriptors(service.report + 1, [service.code, service.listener, service.pipes, channel])
        os.close(service.report)
        ways = BodyPipes(service.pipes, pipes), OutputPipes(service.pipes, pipes)
        tally = Tally(tallies, pipes)
        made = worker.Worker(service.guest, service.limits, listener, channel, *ways, tally, service.memory_limit)
        service.close_ways()
        service.guest.try_instance(service.memory_limit())
    except BaseException as error:  # noqa: BLE001 - a forked process ends here, whatever it was
        worker.fail(channel, error)
    made.run()


def _listener(descriptor: int) -> socket.socket:
    domain = socket.AF_INET6
    made = socket.socket(domain, socket.SOCK_STREAM, 0, fileno=descriptor)
    if len(made.getsockname()) == 2:
        made.detach()
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    return made
