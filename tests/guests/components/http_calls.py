"""HTTP calls of a Python guest, straight on wasi:http: bodies are streamed in both directions."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, poll
from wit_world.imports import types as http
from wit_world.imports.streams import InputStream, OutputStream, StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    OutgoingBody,
    OutgoingRequest,
    RequestOptions,
    Scheme_Http,
    Scheme_Https,
)

PIECE = 1 << 16
_NANOSECONDS = 1_000_000


class Refused(Exception):
    """By the host: its error code, in the words of the interface."""


class _Upload:
    """A body that is sent as far as the other side takes it, while its answer is awaited and read."""

    def __init__(self, body: OutgoingBody, pieces: Iterable[bytes]) -> None:
        self._body = body
        self._stream = body.write()
        self._pieces = iter(pieces)
        self._piece = b""
        self.done = False

    def push(self) -> None:
        # Nobody reads the rest of a body whose answer is already there: what became of the call, the answer tells.
        try:
            self._push()
        except Err:
            self._end()

    def _push(self) -> None:
        while room := self._stream.check_write():
            self._piece = self._piece or next(self._pieces, b"")
            if not self._piece:
                self._stream.flush()
                self._end()
                return
            self._stream.write(self._piece[:room])
            self._piece = self._piece[room:]

    def _end(self) -> None:
        self.done = True
        self._stream.__exit__(None, None, None)
        with suppress(Err):
            OutgoingBody.finish(self._body, None)

    def wait_with(self, other: poll.Pollable) -> None:
        """Until this or the other can go on."""
        if self.done:
            other.block()
            return
        with self._stream.subscribe() as ready:
            poll.poll([other, ready])
        self.push()


class Answer:
    """Of a call: its head at once, its body while it is read, its trailers after that."""

    def __init__(self, response: http.IncomingResponse, upload: _Upload) -> None:
        self._response = response
        self._upload = upload
        self.status = response.status()
        self.headers = response.headers().entries()
        self.trailers: list[tuple[str, bytes]] = []
        self._body = response.consume()

    def read(self) -> Iterator[bytes]:
        yield from read(self._body.stream(), self._upload)
        self.trailers = trailers_of(self._body)


def call(
    method: str,
    url: str,
    headers: Iterable[tuple[str, bytes]] = (),
    body: Iterable[bytes] = (),
    timeouts: tuple[int, int, int] = (0, 0, 0),
) -> Answer:
    """``timeouts``: milliseconds to connect, to the first byte, between bytes; 0: the host's. Raises Refused."""
    request = OutgoingRequest(Fields.from_list(list(headers)))
    parts = urlsplit(url)
    request.set_method(method_named(method))
    request.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    outgoing = request.body()
    try:
        answer = outgoing_handler.handle(request, _options(timeouts))
    except Err as error:
        raise refused(error.value) from None
    return _answer(answer, _Upload(outgoing, body))


def _options(timeouts: tuple[int, int, int]) -> RequestOptions:
    options = RequestOptions()
    connect, first_byte, between_bytes = timeouts
    if connect:
        options.set_connect_timeout(connect * _NANOSECONDS)
    if first_byte:
        options.set_first_byte_timeout(first_byte * _NANOSECONDS)
    if between_bytes:
        options.set_between_bytes_timeout(between_bytes * _NANOSECONDS)
    return options


def _answer(future: http.FutureIncomingResponse, upload: _Upload) -> Answer:
    upload.push()
    with future.subscribe() as answered:
        while not answered.ready():
            upload.wait_with(answered)
    got = future.get()
    assert isinstance(got, Ok)
    if isinstance(got.value, Err):
        raise refused(got.value.value)
    return Answer(got.value.value, upload)


def read(stream: InputStream, upload: _Upload | None = None) -> Iterator[bytes]:
    """To its end. Raises Refused when it breaks off."""
    with stream:
        while True:
            try:
                piece = stream.blocking_read(PIECE) if upload is None or upload.done else stream.read(PIECE)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return
                code = http.http_error_code(error.value.value)
                raise refused(code or error.value.value.to_debug_string()) from None
            if piece:
                yield piece
            elif upload is not None:
                with stream.subscribe() as ready:
                    upload.wait_with(ready)


def write(body: OutgoingBody, pieces: Iterable[bytes], trailers: Fields | None = None) -> None:
    """All of a body, and its end."""
    with body.write() as stream:
        for piece in pieces:
            _write_piece(stream, piece)
        stream.blocking_flush()
    OutgoingBody.finish(body, trailers)


def _write_piece(stream: OutputStream, piece: bytes) -> None:
    while piece:
        room = stream.check_write()
        if room == 0:
            with stream.subscribe() as ready:
                ready.block()
            continue
        stream.write(piece[:room])
        piece = piece[room:]


def trailers_of(body: IncomingBody) -> list[tuple[str, bytes]]:
    """After the body's end."""
    with IncomingBody.finish(body) as future:
        with future.subscribe() as ready:
            ready.block()
        got = future.get()
    assert isinstance(got, Ok)
    if isinstance(got.value, Err):
        raise refused(got.value.value)
    return got.value.value.entries() if got.value.value else []


def method_named(name: str) -> http.Method:
    known = getattr(http, f"Method_{name.capitalize()}", None)
    return known() if known else http.Method_Other(name)


def method_name(method: http.Method) -> str:
    return method.value if isinstance(method, http.Method_Other) else type(method).__name__.split("_")[1].upper()


def refused(error: object) -> Refused:
    return Refused(str(error))
