"""A handler of HTTP requests in Python, with a route for each thing that a test wants to see.

Those that answer with what another server says, ``/call`` and ``/upload``, take ``url``, and milliseconds of patience
in ``connect``, ``first_byte`` and ``between_bytes``.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from componentize_py_types import Ok
from http_calls import PIECE, Answer, Refused, call, method_name, read, trailers_of, write
from wit_world import exports
from wit_world.imports import monotonic_clock
from wit_world.imports.types import Fields, IncomingRequest, OutgoingResponse, ResponseOutparam

_HEADERS_OF_ONE_CONNECTION = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "host",
    "te",
    "upgrade",
}


class Request:
    def __init__(self, incoming: IncomingRequest, out: ResponseOutparam) -> None:
        self._out = out
        self.method = method_name(incoming.method())
        self.target = incoming.path_with_query() or "/"
        self.authority = incoming.authority() or ""
        self.headers = incoming.headers().entries()
        self.path = urlsplit(self.target).path
        self._query = parse_qs(urlsplit(self.target).query)
        self._body = incoming.consume()

    def query(self, name: str, otherwise: str = "") -> str:
        return self._query.get(name, [otherwise])[0]

    def number(self, name: str) -> int:
        return int(self.query(name, "0"))

    def timeouts(self) -> tuple[int, int, int]:
        return self.number("connect"), self.number("first_byte"), self.number("between_bytes")

    def read(self) -> Iterator[bytes]:
        return read(self._body.stream())

    def trailers(self) -> list[tuple[str, bytes]]:
        """After the body was read."""
        return trailers_of(self._body)

    def answer(
        self,
        pieces: Iterator[bytes] | list[bytes],
        status: int = 200,
        headers: list[tuple[str, bytes]] | None = None,
        trailers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        response = OutgoingResponse(Fields.from_list(headers or [("content-type", b"text/plain")]))
        response.set_status_code(status)
        body = response.body()
        ResponseOutparam.set(self._out, Ok(response))
        write(body, pieces, Fields.from_list(trailers) if trailers else None)


def hello(request: Request) -> None:
    request.answer([b"hello from Python\n"])


def echo(request: Request) -> None:
    request.answer(request.read())


def count(request: Request) -> None:
    size, digest = 0, hashlib.sha256()
    for piece in request.read():
        size += len(piece)
        digest.update(piece)
    request.answer([f"{size} {digest.hexdigest()}\n".encode()])


def generate(request: Request) -> None:
    request.answer(_zeroes(request.number("bytes")))


def _zeroes(left: int) -> Iterator[bytes]:
    piece = bytes(PIECE)
    while left > 0:
        yield piece[:left]
        left -= PIECE


def head(request: Request) -> None:
    fields = {name: value.decode() for name, value in request.headers}
    told = {"method": request.method, "target": request.target, "authority": request.authority, "headers": fields}
    request.answer([json.dumps(told).encode()], headers=[("content-type", b"application/json"), ("x-guest", b"python")])


def trailers(request: Request) -> None:
    body = list(request.read())
    request.answer(iter(body), trailers=[("x-size", str(sum(map(len, body))).encode()), *request.trailers()])


def status(request: Request) -> None:
    request.answer([b""] if request.number("code") == 204 else [b"as asked\n"], status=request.number("code"))


def slow(request: Request) -> None:
    with monotonic_clock.subscribe_duration(request.number("ms") * 1_000_000) as passed:
        passed.block()
    request.answer([b"slept\n"])


def drip(request: Request) -> None:
    """``times`` lines, ``ms`` apart."""
    request.answer(_drops(request.number("times"), request.number("ms")))


def _drops(times: int, milliseconds: int) -> Iterator[bytes]:
    for number in range(times):
        yield f"drop {number}\n".encode()
        with monotonic_clock.subscribe_duration(milliseconds * 1_000_000) as passed:
            passed.block()


def trap(request: Request) -> None:
    raise RuntimeError("as asked")


def environment(request: Request) -> None:
    request.answer([json.dumps({"env": dict(os.environ), "argv": sys.argv}).encode()])


def say(request: Request) -> None:
    print(request.query("out"), flush=True)
    print(request.query("err"), file=sys.stderr, flush=True)
    request.answer([b"said\n"])


def call_out(request: Request) -> None:
    _pass_on(request, "GET", iter(()))


def upload(request: Request) -> None:
    _pass_on(request, "POST", request.read())


def _pass_on(request: Request, method: str, body: Iterator[bytes]) -> None:
    url = request.query("url")
    try:
        answer = call(request.query("method", method), url, [("x-caller", b"python")], body, request.timeouts())
    except Refused as error:
        request.answer([f"{error}\n".encode()], status=502)
        return
    request.answer(_body_of(answer), answer.status, _passed_on(answer))


def _passed_on(answer: Answer) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in answer.headers if name not in _HEADERS_OF_ONE_CONNECTION]


def _body_of(answer: Answer) -> Iterator[bytes]:
    yield from answer.read()


_ROUTES = {
    "/hello": hello,
    "/echo": echo,
    "/count": count,
    "/generate": generate,
    "/headers": head,
    "/trailers": trailers,
    "/status": status,
    "/slow": slow,
    "/drip": drip,
    "/trap": trap,
    "/environment": environment,
    "/say": say,
    "/call": call_out,
    "/upload": upload,
}


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        asked = Request(request, response_out)
        route = _ROUTES.get(asked.path)
        if route is None:
            asked.answer([b"no such route\n"], status=404)
        else:
            route(asked)
