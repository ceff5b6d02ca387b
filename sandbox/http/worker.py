"""A process that serves a container's requests: connections in one thread, guests in as many as it takes.

    one thread leads: it waits for events, reads requests and runs a guest itself
        └── the guest takes longer than a moment ──▶ a thread that stood by leads on; the first stays with its guest

Most guests answer at once: for them no thread waits for another. One that blocks or computes costs the others a moment.
Whoever leads holds ``_lead``, and sets it down while it runs a guest. A timer tells a thread that stands by to look
whether it is still there.

A guest that does not answer in time cannot be stopped within its process. Its client is told; when it goes on all the
same, the worker retires: another one takes its place, it accepts no more, finishes what it has, and ends.
"""

import _thread
import os
import resource
import select
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.http import access_log
from sandbox.http.body_pipes import BodyPipes, OutputPipes
from sandbox.http.connection import Connection
from sandbox.http.exchange import GuestExchange
from sandbox.http.limits import HttpLimits
from sandbox.http.request_reader import Request
from sandbox.http.tallies import Tally
from sandbox.wasm.http_guest import HttpGuest

STARTED, RETIRING, FAILED = b"S", b"R", b"F"
"""What a worker tells its supervisor; after the last one the reason."""
DRAIN = b"D"
"""What it is told. The end of the channel ends it, too."""

_MOMENTS = ((1_000_000, 1_000_000), (8_000_000, 8_000_000))
"""Nanoseconds that a guest may run in the leading thread: after one that took longer, and after one that did not. On a
busy machine also a quick one may wait for a processor, and to change threads then makes it wait for two."""
_SHORT, _LONG = range(2)
_FRESH_SECONDS = (0.0, 0.004)
"""That a timer may have run before a guest is started: to set it for each one would cost what a quick one takes."""
_SWEEP_SECONDS = 0.25
_FLUSH_SECONDS = 0.01
"""What a guest in another thread has written waits no longer for more."""
_ABANDONED_SECONDS = 5.0
"""That a guest may go on after its client was told that it had not answered in time."""
_RETIRING_SECONDS = 60.0
"""For the other requests of a worker with such a guest."""
_LAST_HEADERS_SECONDS = 5.0
"""For headers that have begun when a worker is to end: time to send a lost packet again, not to hold up a drain."""
_DEFERENCE_SECONDS = 0.002
"""That a connection waits for a worker that has fewer."""
_EVENTS = 256
_OWN_DESCRIPTORS = 64
_DESCRIPTORS_OF_GUEST = 8
"""Both sides of two pipes, its folders, and some that it opens."""
_MOST_STANDING_BY = 8
"""Threads that wait to lead. All of them are woken when one has to."""
_MOST_HELD = 32 << 20
"""Bytes of bodies that wait in memory, for guests or for clients, by and large."""
_LEAST_SHARE, _LARGEST_SHARE = 1 << 16, 1 << 20
_CHANNEL_BYTES = 16


class Worker:
    """``channel``: to the supervisor. ``memory_limit``: tells how many bytes a memory may grow to just now; 0: any."""

    def __init__(
        self,
        guest: HttpGuest,
        limits: HttpLimits,
        listener: socket.socket,
        channel: int,
        pipes: BodyPipes,
        outputs: OutputPipes,
        tally: Tally,
        memory_limit: Callable[[], int],
    ) -> None:
        self.limits = limits
        self.pipes = pipes
        self.outputs = outputs
        self.authority = f"localhost:{listener.getsockname()[1]}"
        """For a request that names none."""
        self.epoll = select.epoll()
        self.now = time.monotonic()
        self.is_ending = False
        """No request is read any more, but for those that have begun."""
        self.headers_until = float("inf")
        """When nobody's are waited for any more."""
        self._guest = guest
        self._listener = listener
        self._channel = channel
        self._memory_limit = memory_limit
        self._lead = _thread.allocate_lock()
        self._timer = syscalls.Timer(*_MOMENTS)
        self._moment = _LONG
        self._fresh_until = 0.0
        """Until then the timer that runs does for another guest."""
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._standing_by: set[int] = set()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._connections: set[Connection] = set()
        self._most_connections, self._most_guests = _bounds(limits.concurrency)
        self._tally = tally
        self._accepts = True
        """The listener is watched, or will be soon."""
        self._defers_until = 0.0
        """Others may take what comes; 0: this one does not wait for them."""
        self._waiting: deque[GuestExchange] = deque()
        self._running: set[GuestExchange] = set()
        self._done: deque[GuestExchange] = deque()
        """Whose guests ended in threads that do not lead."""
        self._abandoned: dict[GuestExchange, float] = {}
        self._retired_at = 0.0
        self._next_sweep = 0.0

    # Threads.

    def run(self) -> NoReturn:
        """In the process' first thread."""
        try:
            self._lead.acquire()
            self._listen()
            self.watch(self._channel, self._hear)
            self.watch(self._wake, self._awake)
            os.write(self._channel, STARTED)
            self._ensure_standby()
            self._lead_on()
            while True:
                self._stand_by()
        finally:
            self._die()

    def _help(self) -> None:
        """In every other thread, as long as it is one of those that are wanted."""
        is_wanted = True
        try:
            while is_wanted:
                self._stand_by()
                is_wanted = len(self._standing_by) < _MOST_STANDING_BY
        except BaseException:  # noqa: BLE001 - the process ends by it
            self._die()

    def _stand_by(self) -> None:
        """Until it has led."""
        self._standing_by.add(_thread.get_ident())
        while True:
            os.read(self._timer.descriptor, 8)
            if self._lead.acquire(blocking=False):
                self._standing_by.discard(_thread.get_ident())
                self._take_over()
                return

    def _take_over(self) -> None:
        self._stop_timer()
        self._moment = _SHORT
        self._detach_guests()
        self._ensure_standby()
        self._lead_on()

    def _detach_guests(self) -> None:
        """Those of other threads than this one, which has begun to lead."""
        for exchange in list(self._running):
            if not exchange.is_detached:
                exchange.detach()

    def _ensure_standby(self) -> None:
        if not self._standing_by:
            _thread.start_new_thread(self._help, ())

    def _die(self) -> NoReturn:
        """A thread ends by an error alone, and takes the process with it."""
        self.complain(f"an HTTP worker fails: {traceback.format_exc()}")
        os._exit(1)

    def _lead_on(self) -> None:
        """As long as this thread leads."""
        leads = True
        while leads:
            self._wait()
            leads = self._run_waiting()

    def _start_timer(self) -> None:
        now = time.monotonic()
        if now >= self._fresh_until:
            self._timer.set(self._moment)
            self._fresh_until = now + _FRESH_SECONDS[self._moment]

    def _stop_timer(self) -> None:
        self._fresh_until = 0.0
        self._timer.clear()

    # Events.

    def watch(self, descriptor: int, handler: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        self._handlers[descriptor] = handler
        self.epoll.register(descriptor, events)

    def unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self.epoll.unregister(descriptor)

    def _wait(self) -> None:
        handlers = self._handlers
        happened = [(each, handlers.get(each), events) for each, events in self.epoll.poll(self._patience(), _EVENTS)]
        happened.sort(key=lambda event: event[1] == self._accept)  # who has gone makes place for who comes
        for descriptor, handler, events in happened:
            self.now = time.monotonic()
            if handler is not None and handlers.get(descriptor) is handler:  # else it may be another's by now
                handler(events)
        self.now = time.monotonic()
        if self._defers_until and self.now >= self._defers_until:
            self._defer_no_more()
        for exchange in list(self._running):
            exchange.mind_output()
            if exchange.writer.waiting_bytes:
                exchange.flush()
            elif exchange.is_answered and exchange.is_detached:
                exchange.connection.finished(exchange)
        if self.now >= self._next_sweep:
            self._sweep()

    def _patience(self) -> float:
        if self._waiting and self._has_room():
            return 0
        if not (self._connections or self._running or self._defers_until or self.is_ending):
            return -1
        due = min(self._next_sweep, self._defers_until) if self._defers_until else self._next_sweep
        left = max(0.0, due - time.monotonic())
        return min(left, _FLUSH_SECONDS) if self._running else left

    def _listen(self) -> None:
        if self._listener.fileno() not in self._handlers:  # a client that goes at once may have made place before
            self.watch(self._listener.fileno(), self._accept)
        self._tally.tell(len(self._connections))

    def _accept(self, events: int) -> None:
        """One at a time: the others are for other workers."""
        if self._tally.exceeds_others():
            self.unwatch(self._listener.fileno())
            self._defers_until = self.now + _DEFERENCE_SECONDS
        else:
            self._take_connection()

    def _defer_no_more(self) -> None:
        """What is still there nobody else has wanted."""
        self._defers_until = 0.0
        self._take_connection()
        if self._accepts:
            self._listen()

    def _take_connection(self) -> None:
        try:
            descriptor, address = self._listener._accept()  # type: ignore[attr-defined]
        except OSError:
            return  # another worker was faster, or the client has gone
        os.set_blocking(descriptor, False)
        connection = Connection(self, descriptor, str(address[0]).removeprefix("::ffff:"))
        self._connections.add(connection)
        self.watch(descriptor, connection.process)
        self._tally.tell(len(self._connections))
        if self._accepts and len(self._connections) >= self._most_connections:
            self._accepts = False
            self.unwatch(self._listener.fileno())
            self._tally.leave()
        connection.process(select.EPOLLIN)

    def _hear(self, events: int) -> None:
        """The supervisor."""
        if os.read(self._channel, _CHANNEL_BYTES) != DRAIN:
            os._exit(0)
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        """Who has connected before is served."""
        if self.is_ending:
            return
        self._defers_until = 0.0
        before = -1
        while self._accepts and before != len(self._connections):
            before = len(self._connections)
            self._take_connection()
        self._tally.leave()
        self.unwatch(self._listener.fileno())
        self._listener.close()
        self.is_ending = True
        self.headers_until = self.now + _LAST_HEADERS_SECONDS
        self._next_sweep = 0

    def _awake(self, events: int) -> None:
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return
        while self._done:
            self._finish(self._done.popleft())

    def _sweep(self) -> None:
        self._next_sweep = self.now + _SWEEP_SECONDS
        for connection in list(self._connections):
            connection.check(self.now)
        for exchange in self._running - self._abandoned.keys():
            if (exchange.is_dead or exchange.is_answered) and self.now - exchange.started > self.limits.request_seconds:
                self._abandoned[exchange] = self.now
        if any(self.now - since > _ABANDONED_SECONDS for since in self._abandoned.values()):
            self._retire()
        if self.is_ending and not self._connections and not self._running - self._abandoned.keys():
            os._exit(0)
        if self._retired_at and self.now - self._retired_at > _RETIRING_SECONDS:
            os._exit(0)

    def _retire(self) -> None:
        if not self._retired_at:
            self._retired_at = self.now
            self.complain("an HTTP worker retires: a guest goes on long after its time; other requests are finished")
            os.write(self._channel, RETIRING)
            self._stop_accepting()

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._accepts and not self.is_ending:
            self._tally.tell(len(self._connections))
        elif not self.is_ending:
            self._accepts = True
            self._listen()
        self.unwatch(connection.descriptor)

    # Guests.

    def submit(self, exchange: GuestExchange) -> bool:
        """False where as many run and wait as may."""
        if self._is_full():
            self._forget_dead()
            if self._is_full():
                return False
        self._waiting.append(exchange)
        return True

    def _is_full(self) -> bool:
        return len(self._running) + len(self._waiting) >= 2 * self._most_guests

    def _forget_dead(self) -> None:
        """Those that wait for a guest, and whose clients wait no more."""
        for exchange in [each for each in self._waiting if each.is_dead]:
            self._waiting.remove(exchange)
            self._finish(exchange)

    def _has_room(self) -> bool:
        return len(self._running) < self._most_guests

    @property
    def share(self) -> int:
        """Bytes that may wait in memory for one guest, and as many for its client."""
        share = _MOST_HELD // (len(self._running) + len(self._waiting) + 1)
        return max(_LEAST_SHARE, min(share, _LARGEST_SHARE))

    def _run_waiting(self) -> bool:
        """False once this thread leads no more."""
        while self._waiting and self._has_room():
            exchange = self._waiting.popleft()
            if exchange.is_dead:
                self._finish(exchange)
            elif not self._run(exchange):
                return False
        if self._fresh_until:
            self._stop_timer()
        return True

    def _run(self, exchange: GuestExchange) -> bool:
        self._running.add(exchange)
        exchange.begin()
        self._start_timer()
        self._lead.release()
        failure = self._guest.serve(exchange, self._memory_limit())
        exchange.end(failure)
        leads = self._lead.acquire(blocking=False)
        self._running.discard(exchange)
        if leads:
            self._moment = _LONG
            self._detach_guests()
            self._finish(exchange)
        else:
            self._done.append(exchange)
            os.eventfd_write(self._wake, 1)
        return leads

    def _finish(self, exchange: GuestExchange) -> None:
        self._abandoned.pop(exchange, None)
        self.log_answer(exchange)
        exchange.connection.finished(exchange)

    # What it says.

    def log_answer(self, exchange: GuestExchange) -> None:
        """Once, and when it is over for the client: its guest may never end."""
        if self.limits.access_log and not exchange.is_logged:
            exchange.is_logged = True
            self._log(access_log.line(self.limits.access_log, exchange.entry()))

    def log_refusal(self, connection: Connection, request: Request | None, status: int) -> None:
        if not self.limits.access_log:
            return
        if request is not None and request.method:
            exchange = GuestExchange(connection, request, "HTTP", self.authority)
            exchange.status = status
            entry = exchange.entry()
        else:
            entry = access_log.unreadable(connection.client, status)
        self._log(access_log.line(self.limits.access_log, entry))

    def _log(self, line: bytes) -> None:
        os.write(1, line)

    def complain(self, text: str) -> None:
        """Into the container's log."""
        os.write(2, text.rstrip("\n").encode(errors="replace") + b"\n")


def _bounds(concurrency: int) -> tuple[int, int]:
    """Connections and guests at most, by the descriptors there are: wasmtime ends the process where it cannot have one.
    Other connections wait in the listener's queue."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = min(_OWN_DESCRIPTORS + concurrency * _DESCRIPTORS_OF_GUEST, descriptors // 2)
    guests = (spare - _OWN_DESCRIPTORS) // _DESCRIPTORS_OF_GUEST
    return descriptors - spare, max(1, min(concurrency, guests))


def fail(channel: int, error: BaseException) -> NoReturn:
    """Before it has started."""
    text = str(error) if isinstance(error, SandboxError | OSError) else f"{type(error).__name__}: {error}"
    os.write(channel, FAILED + text.encode(errors="replace")[:4000])
    os._exit(1)
