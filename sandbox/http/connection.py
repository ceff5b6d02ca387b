"""One client's connection: what it sends, request by request, and what it is owed.

Everything here is called by the thread that leads the worker, but for ``send`` and ``abort``, which a guest's thread
calls, too. They and all that touches ``output`` hold ``lock``.
"""

import _thread
import os
import select
import socket
from typing import TYPE_CHECKING

from sandbox.http.exchange import NO_PIPE, GuestExchange
from sandbox.http.request_reader import Refusal, Request, RequestReader
from sandbox.http.response_writer import CONTINUE, refusal

if TYPE_CHECKING:
    from sandbox.http.worker import Worker

READ_BYTES = 1 << 16
PATIENCE = 0.25
"""Seconds that a body is waited for, as far as it may wait in memory; then the guest gets it as it arrives."""
MOST_PIPELINED = 16
_LINGER_SECONDS = 2.0
"""For a client that still sends to read its answer: bytes that nobody reads would make the kernel take it back."""
_BROKEN_OFF = "the connection ended before the body"
_TOO_MANY = "too many requests at once"
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class Connection:
    def __init__(self, worker: "Worker", descriptor: int, client: str) -> None:
        self.worker = worker
        self.descriptor = descriptor
        self.client = client
        self.lock = _thread.allocate_lock()
        self.output = bytearray()
        self.exchange: GuestExchange | None = None
        """Whose guest runs or waits to."""
        self._reader = RequestReader(worker.limits.header_bytes, worker.limits.body_bytes)
        self._pending: Request | None = None
        """Whose body is waited for."""
        self._pending_since = 0.0
        self._since = worker.now
        """When a byte last came or went, or a request began."""
        self._interest = _IN
        self._is_closing = False
        self._is_ended = False
        """The client sends no more."""
        self._refusal: Refusal | None = None
        self._watched_pipe = NO_PIPE
        self._lingers = False

    # Events.

    def process(self, events: int) -> None:
        if events & (select.EPOLLERR | select.EPOLLHUP):
            self._lose()
            return
        if events & _IN:
            self._receive()
        if events & _OUT and self.descriptor >= 0:
            with self.lock:
                self.send()
            self.advance()

    def process_pipe(self, events: int) -> None:
        """The guest has taken some of its body."""
        exchange = self.exchange
        if exchange is not None:
            with self.lock:
                exchange.feed()
            self._mind()

    def _receive(self) -> None:
        try:
            data = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        if self.exchange is not None or self._pending is not None:
            self._since = self.worker.now
        if not data:
            self._end_input()
        elif not self._lingers and self._refusal is None:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Headers are timed from their first byte. The empty lines that may come before them are none of theirs."""
        was_between = self._reader.is_between
        try:
            with self.lock:
                self._reader.feed(data)
        except Refusal as refused:
            self._refusal = refused.with_traceback(None)
        if was_between and not self._reader.is_between and not self.output:
            self._since = self.worker.now
        exchange = self.exchange
        if exchange is not None and not exchange.is_dead:
            if self._refusal is not None and not exchange.request.is_complete:
                self._leave(exchange, self._refusal.status, self._refusal.reason)
            with self.lock:
                exchange.feed()
        self.advance()

    def _end_input(self) -> None:
        self._is_ended = True
        exchange = self.exchange
        if exchange is not None and not exchange.request.is_complete:
            self._leave(exchange)
        if exchange is None and (self._lingers or not self.output) and not self._reader.requests:
            self.close()
            return
        self.advance()

    def _lose(self) -> None:
        """The client is gone for good."""
        if self.exchange is not None:
            self.exchange.give_up()
            self.worker.log_answer(self.exchange)
        self.close()

    # From one request to the next.

    def advance(self) -> None:
        """Do what can be done now."""
        if self.descriptor < 0:
            return
        if self.exchange is None and not self.output:
            if self._is_closing:
                self._linger()
                return
            self._begin()
        self._mind()

    def _begin(self) -> None:
        if self._pending is None and self._reader.requests:
            self._pending = self._reader.requests.popleft()
            self._pending_since = self._since = self.worker.now
            if self._pending.expects_continue and not self._pending.received and not self._pending.is_complete:
                self._say(CONTINUE)
        if self._pending is not None:
            self._dispatch(self._pending)
        elif self._refusal is not None:
            self._refuse(self._refusal)
        elif self._is_ended or (self.worker.is_ending and self._reader.is_between):
            self._is_closing = True
            self._linger()

    def _dispatch(self, request: Request) -> None:
        """To a guest, once all of the body has come, or what may wait of it, or time has passed."""
        refused = self._refusal or (Refusal(400, _BROKEN_OFF) if self._is_ended else None)
        if refused is not None and not request.is_complete:
            self._pending = None
            self._refuse(refused, request)
            return
        waited = self.worker.now - self._pending_since
        if not request.is_complete and sum(map(len, request.body)) < self.worker.share and waited < PATIENCE:
            return
        self._pending = None
        if self.worker.is_ending:
            request.keeps_alive = False
        self.exchange = GuestExchange(self, request, "HTTP", self.worker.authority)
        if not self.worker.submit(self.exchange):
            self.exchange = None
            self._refuse(Refusal(503, _TOO_MANY), request)

    def _refuse(self, refused: Refusal, request: Request | None = None) -> None:
        request = request or refused.request
        is_head = request is not None and request.method == "HEAD"
        self._is_closing = True
        self.worker.log_refusal(self, request, refused.status)
        self._say(refusal(refused.status, refused.reason, is_head))
        self.advance()

    def _say(self, text: bytes) -> None:
        with self.lock:
            self.output += text
            self.send()
        self._mind()

    def finished(self, exchange: GuestExchange) -> None:
        """It has ended, but perhaps for its guest."""
        if self.exchange is not exchange:
            return
        self.worker.log_answer(exchange)
        self.exchange = None
        if self.descriptor < 0:
            return
        self._since = self.worker.now
        if not exchange.writer.keeps_alive or exchange.is_broken:
            self._is_closing = True
        self.advance()

    # Sending.

    def send(self) -> None:
        """As much as the client takes now. Under the lock."""
        if self.descriptor < 0 or not self.output:
            return
        try:
            sent = os.write(self.descriptor, self.output)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent == len(self.output):
            self.output = bytearray()
        elif sent:
            del self.output[:sent]
        if sent:
            self._since = self.worker.now
        self._set_interest(self._interest | _OUT if self.output else self._interest & ~_OUT)

    def abort(self) -> None:
        """End the connection so that the client sees that the response is not complete. Under the lock."""
        self.output = bytearray()
        self._is_closing = True
        if self.exchange is not None:
            self.exchange.die()
        if self.descriptor >= 0:
            _shut(self.descriptor, socket.SHUT_RDWR)

    def _linger(self) -> None:
        """All is said: the client is to read it before the connection is gone."""
        if self._is_ended or (self._reader.is_between and not self._refusal):
            self.close()
        elif not self._lingers:
            self._lingers = True
            self._since = self.worker.now
            _shut(self.descriptor, socket.SHUT_WR)
            self._mind()

    # What is waited for.

    def _mind(self) -> None:
        """Read on only where there is room."""
        if self.descriptor < 0:
            return
        with self.lock:
            wanted = _IN if not self._is_ended and self._has_room() else 0
            self._set_interest(wanted | (self._interest & _OUT))

    def read_on(self) -> None:
        """A guest's thread has made room."""
        self._mind()

    def _has_room(self) -> bool:
        request = self._pending or (self.exchange.request if self.exchange else None)
        if not self._reader.requests and (request is None or request.is_complete):
            return True
        waiting = sum(map(len, request.body)) if request is not None and not request.is_complete else 0
        for later in self._reader.requests:
            waiting += sum(map(len, later.body))
        return waiting < self.worker.share and len(self._reader.requests) < MOST_PIPELINED

    def _set_interest(self, interest: int) -> None:
        if interest != self._interest and self.descriptor >= 0:
            self._interest = interest
            self.worker.epoll.modify(self.descriptor, interest)

    def watch_pipe(self, pipe: int) -> None:
        """The guest's body waits for room in its pipe, or in none. Under the lock."""
        if pipe != self._watched_pipe:
            if self._watched_pipe != NO_PIPE:
                self.worker.unwatch(self._watched_pipe)
            if pipe != NO_PIPE:
                self.worker.watch(pipe, self.process_pipe, _OUT)
            self._watched_pipe = pipe

    # Time.

    def check(self, now: float) -> None:
        """End what has taken too long."""
        limits, exchange = self.worker.limits, self.exchange
        if exchange is not None:
            self._check_exchange(exchange, now)
        elif self._pending is not None:
            if now - self._since > limits.body_seconds:
                late, self._pending = self._pending, None
                self._refuse(Refusal(408, "the body did not come in time"), late)
            else:
                self.advance()
        elif self.output or self._lingers:
            if now - self._since > (_LINGER_SECONDS if self._lingers else limits.body_seconds):
                self.close()
        elif not self._reader.is_between:
            if now > min(self._since + limits.header_seconds, self.worker.headers_until):
                self._refuse(Refusal(408, "the headers did not come in time"))
        elif now - self._since > limits.idle_seconds or self.worker.is_ending:
            self.close()

    def _check_exchange(self, exchange: GuestExchange, now: float) -> None:
        limits = self.worker.limits
        if exchange.is_dead:
            return
        if not exchange.status and now - exchange.started > limits.request_seconds:
            late = (504, "the guest did not answer in time") if exchange.is_begun else (503, _TOO_MANY)
            self._leave(exchange, *late)
        elif not exchange.request.is_complete and self._has_room() and now - self._since > limits.body_seconds:
            self._leave(exchange, 408, "the body did not come in time")
        elif self.output and now - self._since > limits.body_seconds:
            self._leave(exchange)

    def _leave(self, exchange: GuestExchange, status: int = 0, reason: str = "") -> None:
        """The guest may go on, but nobody waits for it any more."""
        exchange.give_up(status, reason)
        self.worker.log_answer(exchange)
        self.exchange = None
        self._is_closing = True
        self.advance()

    def close(self) -> None:
        if self.descriptor < 0:
            return
        with self.lock:  # a guest's thread changes what is watched, too
            self.worker.forget(self)
            descriptor, self.descriptor = self.descriptor, -1
            self.output = bytearray()
            if self.exchange is not None:
                self.exchange.die()
        self._reader.close()
        os.close(descriptor)


def _shut(descriptor: int, how: int) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor) as connection:
            try:
                connection.shutdown(how)
            finally:
                connection.detach()
    except OSError:
        return  # the client was faster
