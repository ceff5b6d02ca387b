"""A request on its way through a guest, and the response on its way back.

The guest's thread reads and writes here; the thread that leads the worker gives it what arrives, tells it of a client
that has gone, and ends what takes too long. The connection's lock keeps them apart.
"""

import errno
import os
import time
from collections import deque
from typing import TYPE_CHECKING

from sandbox.http.access_log import Entry
from sandbox.http.body_pipes import OutputPipe
from sandbox.http.request_reader import Request
from sandbox.http.response_writer import ResponseWriter, refusal
from sandbox.wasm.http_exchange import RequestHead, ResponseHead
from sandbox.wasm.http_fields import Item
from sandbox.wasm.http_guest import Failure

if TYPE_CHECKING:
    from sandbox.http.connection import Connection

SEND_AT = 65536
"""Bytes of a response that are sent before the guest has ended, or has run for a while."""
QUICK_SECONDS = 0.002
MOST_UNANSWERED = 1 << 20
"""Bytes of a body whose status the guest has not told."""
NO_PIPE = -1
_BAD_GATEWAY, _SERVER_ERROR = 502, 500


class GuestExchange:
    def __init__(self, connection: "Connection", request: Request, scheme: str, authority: str) -> None:
        self.connection = connection
        self.request = request
        self.head = RequestHead(request.method, request.target, scheme, request.authority or authority, request.headers)
        self.writer = ResponseWriter(request.method, request.is_http_1_1, request.keeps_alive)
        self.started = time.monotonic()
        self.is_begun = False
        """Its guest runs, or has."""
        self.is_detached = False
        """The thread that runs the guest leads no more: what is written is sent soon."""
        self._pushed_at = 0.0
        self.is_dead = False
        """Nobody waits for the response any more."""
        self.is_broken = False
        """The response cannot be completed."""
        self.is_logged = False
        self.status = 0
        self._answer: ResponseHead | None = None
        self._has_body = False
        """A body was begun, perhaps of a response that is not the answer."""
        self._unanswered = 0
        self._early_trailers: list[Item] | None = None
        """Of a body that was complete before the guest answered."""
        self._pipe: tuple[str, int] | None = None
        self._is_read = False
        """The pipe has its reader."""
        self._output: OutputPipe | None = None
        """Which the guest writes the response's body to."""
        self._is_written = False
        """That pipe has its writer."""
        self._is_output_watched = False

    def begin(self) -> None:
        self.started, self.is_begun = time.monotonic(), True

    # What the guest's thread calls.

    def body(self) -> bytes | None:
        with self.connection.lock:
            return self.request.take_body() if self.request.is_complete else None

    def body_path(self) -> bytes:
        self._pipe = self.connection.worker.pipes.take()
        return self._pipe[0].encode()

    def body_is_open(self) -> None:
        with self.connection.lock:
            self._is_read = True
            if self.is_dead:
                self._close_pipe()
            self.feed()

    def request_trailers(self) -> list[Item] | None:
        """The body may be read only in part: what is left of it has to come all the same, for nobody."""
        with self.connection.lock:
            self.request.is_unwanted = True
            self.request.body.clear()
        self.connection.read_on()
        while not self.request.is_complete:
            if self.is_dead:
                raise OSError(errno.ECONNRESET, "the client has gone")
            time.sleep(0.005)
        return self.request.trailers or None

    def respond(self, head: ResponseHead) -> None:
        with self.connection.lock:
            if self.is_dead:
                return
            if self.connection.worker.is_ending:
                self.writer.keeps_alive = False
            if not self.writer.start(head.status, head.headers):
                self.is_broken = True
                return
            self._answer = head
            self.status = head.status
            if not head.has_body or self._early_trailers is not None:
                self._end(self._early_trailers or [])
            if self.is_detached:
                self._push()

    def refuse(self, error: str) -> None:
        self.connection.worker.complain(f"{self._name()}: the guest answered by error-code {error}")

    def distrust(self, authority: str) -> None:
        what = f"{self._name()}: the certificate of https://{authority[:200]} is not trusted"
        remedy = "it has to be for that name, valid now, and of an authority that wasmtime has built in"
        self.connection.worker.complain(f"{what}: {remedy}")

    def begin_body(self) -> None:
        with self.connection.lock:
            if self._answer is None and self._has_body:
                self._drain()
                self.writer.forget()
                self._unanswered, self._early_trailers, self.is_broken = 0, None, False
            self._has_body = True

    def output_path(self) -> bytes:
        self._output = self.connection.worker.outputs.take()
        return self._output.path

    def output_is_open(self) -> None:
        with self.connection.lock:
            self._is_written = True
            if self.is_dead:
                self._close_output()

    def _write(self, data: bytes) -> bool:
        """Of the response's body; False where no more of it is taken. Under the lock."""
        if self.is_dead or self.writer.is_ended:
            return False
        if not self.writer.write(data):
            self.is_broken = True
            return False
        if self._answer is None:
            self._unanswered += len(data)
            return self._unanswered <= MOST_UNANSWERED
        if self.writer.waiting_bytes >= SEND_AT or self._is_early():
            self._push()
        return True

    def _drain(self) -> None:
        """Take all that the guest has written, while it does not write. Under the lock."""
        while self._take_piece() == SEND_AT:
            continue

    def _take_piece(self) -> int:
        """Of what is in the pipe; returns its size."""
        output = self._output
        if output is None or output.descriptor < 0:
            return 0
        data = output.read(SEND_AT)
        if data and not self._write(data):
            self._close_output()
        return len(data)

    def _close_output(self) -> None:
        """From now on the guest's writes fail. Under the lock."""
        output = self._output
        if output is not None and output.descriptor >= 0 and self._is_written:
            self._watch_output(False)
            output.close()

    def _watch_output(self, wanted: bool) -> None:
        output = self._output
        if output is not None and output.descriptor >= 0 and wanted != self._is_output_watched:
            self._is_output_watched = wanted
            if wanted:
                self.connection.worker.watch(output.descriptor, self._take_output)
            else:
                self.connection.worker.unwatch(output.descriptor)

    def _take_output(self, events: int) -> None:
        with self.connection.lock:
            self._take_piece()
            self._mind_output()

    def mind_output(self) -> None:
        """Read on where the client takes it, from a guest in another thread."""
        if self.is_detached and self._output is not None:
            with self.connection.lock:
                self._mind_output()

    def _mind_output(self) -> None:
        if self.is_dead:
            self._close_output()
        else:
            self._watch_output(len(self.connection.output) <= self.connection.worker.share)

    def _give_output_back(self) -> None:
        """The guest is gone."""
        output = self._output
        if output is not None:
            self._drain()
            self._watch_output(False)
            self._output = None
            self.connection.worker.outputs.give_back(output)

    def _is_early(self) -> bool:
        """What comes in quick succession is sent together."""
        return self.is_detached and time.monotonic() - self._pushed_at > QUICK_SECONDS

    def finish(self, trailers: list[Item]) -> bool:
        with self.connection.lock:
            self._drain()
            if self._answer is None:
                self._early_trailers = trailers
            if self._answer is None or self.is_dead:
                return not self.is_broken
            return self._end(trailers)

    def _end(self, trailers: list[Item]) -> bool:
        if self.is_broken or self.writer.is_ended:
            return not self.is_broken
        if not self.request.is_complete:  # nobody is going to read what is left of it
            self.writer.keeps_alive = False
        rest = self.writer.end(trailers)
        if rest is None:
            self.is_broken = True
            return False
        self.connection.output += rest
        if self.is_detached:
            self.connection.send()
        return True

    def _push(self) -> None:
        self._pushed_at = time.monotonic()
        self.connection.output += self.writer.take()
        self.connection.send()

    def end(self, failure: Failure | None) -> None:
        """The guest has ended: what it has left undone is done for it."""
        with self.connection.lock:
            self._close_pipe()
            self._give_output_back()
            if failure is not None:
                self._tell(failure)
            if not self.is_dead:
                self._complete(failure)
            self.connection.send()

    def _complete(self, failure: Failure | None) -> None:
        if self.writer.is_ended:
            return
        if self.writer.is_begun:
            self.connection.abort()
        else:
            status = _SERVER_ERROR if failure is not None else _BAD_GATEWAY
            reason = "the guest failed" if failure is not None else "the guest gave no complete answer"
            self._answer_self(status, reason)

    def _answer_self(self, status: int, reason: str) -> None:
        self.status = status
        self.writer.keeps_alive = False
        self.connection.output += refusal(status, reason, self.request.method == "HEAD")
        self.writer.is_begun = self.writer.is_ended = True

    def _tell(self, failure: Failure) -> None:
        self.connection.worker.complain(f"{self._name()}: the guest {failure.how}: {failure.text}")

    def _name(self) -> str:
        return f"{self.request.method} {self.request.target[:200]!r}"

    # What the leading thread calls.

    def feed(self) -> None:
        """Give the guest what has arrived of the body, as far as it takes it. Under the lock."""
        if self._pipe is None or not self._is_read:
            return
        if not _pour(self.request.body, self._pipe[1]):
            self.connection.watch_pipe(self._pipe[1])
        elif self.request.is_complete:
            self._close_pipe()
        else:
            self.connection.watch_pipe(NO_PIPE)

    def detach(self) -> None:
        """From now on send soon."""
        self.is_detached = True
        self.mind_output()
        self.flush()

    def flush(self) -> None:
        """Send what waits to be sent with more."""
        with self.connection.lock:
            if self._answer is None or self.is_dead:
                return
            if self.writer.is_ended:
                self.connection.send()
            else:
                self._push()

    @property
    def is_answered(self) -> bool:
        """Whole, and all of the request is with the guest: if that goes on, it is for itself."""
        return self.writer.is_ended and self.request.is_complete and self._pipe is None and not self.is_dead

    def give_up(self, status: int = 0, reason: str = "") -> None:
        """The guest is no longer waited for; ``status`` tells the client so, if nothing else has told it anything."""
        with self.connection.lock:
            if self.is_dead:
                return
            self.die()
            if status and not self.writer.is_begun:
                self._answer_self(status, reason)
                self.connection.send()
            elif not self.writer.is_ended:
                self.connection.abort()

    def die(self) -> None:
        """Its guest's reads and writes end, so that it does not wait for ever. Under the lock."""
        self.is_dead = True
        if self._is_read:  # otherwise it is just being opened, which would wait for a writer
            self._close_pipe()
        self._close_output()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self.connection.watch_pipe(NO_PIPE)
            self.connection.worker.pipes.give_back(*self._pipe)
            self._pipe = None

    def entry(self) -> Entry:
        request, seconds = self.request, time.monotonic() - self.started
        return Entry(
            client=self.connection.client,
            time=time.time() - seconds,
            method=request.method,
            target=request.target,
            version="1.1" if request.is_http_1_1 else "1.0",
            status=self.status,
            body_bytes=self.writer.sent_bytes,
            seconds=seconds,
            referer=request.header("referer").decode("latin-1"),
            user_agent=request.header("user-agent").decode("latin-1"),
        )


def _pour(body: deque[bytes], pipe: int) -> bool:
    """False where the pipe is full before the body is empty."""
    try:
        while body:
            written = os.write(pipe, body[0])
            if written == len(body[0]):
                body.popleft()
            else:
                body[0] = body[0][written:]
    except BlockingIOError:
        return False
    return True
