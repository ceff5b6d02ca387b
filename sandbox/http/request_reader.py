"""From the bytes of a connection to requests. No I/O; the syntax is llhttp's, which refuses what could be read in two
ways.
"""

import re
from collections import deque

import httptools

from sandbox.wasm.http_fields import FORBIDDEN, Item

_HTTP_1_0, _HTTP_1_1 = "1.0", "1.1"
_USUAL_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"PATCH ")
_METHOD = re.compile(rb"[\r\n]*(?:([-!#$%&'*+.^_`|~0-9A-Za-z]+)(?: |\Z)|\Z)")
_SOME_METHOD = b"POST"
"""The parser knows a list of methods. Any that it does not read otherwise than this one."""
_AUTHORITY_END = re.compile("[/?#]")
_AUTHORITY = re.compile(r"(?:\[[-A-Za-z0-9._~%!$&'()*+,;=:]+\]|[-A-Za-z0-9._~%!$&'()*+;=]*)(?::[0-9]*)?")
"""RFC 9110, 7.2: a host without a user; the comma is left out, by which two become one."""


class Refusal(Exception):
    """A request that no guest hears of. ``status``: of the answer; ``request``: as far as it could be read."""

    def __init__(self, status: int, reason: str, request: "Request | None" = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.request = request


class Request:
    """As far as it has arrived."""

    __slots__ = (
        *("authority", "body", "content_length", "expects_continue", "headers", "is_complete", "is_http_1_1"),
        "is_unwanted",
        *("keeps_alive", "method", "received", "target", "trailers"),
    )

    def __init__(self) -> None:
        self.method = ""
        """Empty until the headers are complete."""
        self.target = ""
        self.authority: str | None = None
        self.headers: list[Item] = []
        """Names in lower case, without those that are forbidden to guests."""
        self.trailers: list[Item] = []
        self.is_http_1_1 = True
        self.keeps_alive = True
        self.expects_continue = False
        self.content_length: int | None = None
        """None: none, or it comes in chunks."""
        self.body: deque[bytes] = deque()
        """What nobody has taken yet."""
        self.received = 0
        """Bytes of the body."""
        self.is_complete = False
        self.is_unwanted = False
        """What comes of the body is for nobody."""

    def header(self, name: str) -> bytes:
        return next((value for other, value in self.headers if other == name), b"")

    def take_body(self) -> bytes:
        """What has arrived since."""
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        return body


class RequestReader:
    """``requests``: whose headers are complete, the oldest first. Once a request is refused there is no other."""

    def __init__(self, header_bytes: int, body_bytes: int) -> None:
        self._most_header_bytes = header_bytes
        self._most_body_bytes = body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        """Whose bytes arrive, headers or body."""
        self._in_head = True
        self._parsed_bytes = 0
        self._waiting_bytes = 0
        self._has_come_on = False
        """With the last data a request began, or its headers were complete, or some of its body came."""
        self._method = ""
        """Of a request that the parser reads as one of ``_SOME_METHOD``."""
        self._url = b""
        self._hosts = 0
        self._is_chunked = False
        self._is_resumed = False
        """The parser is reading the framing of a request that it is told again."""
        self._refusal: Refusal | None = None
        self.requests: deque[Request] = deque()

    @property
    def is_between(self) -> bool:
        """No request has begun that is not complete."""
        return self._request is None

    def feed(self, data: bytes) -> None:
        """Raises Refusal; requests that were complete before it are in ``requests``."""
        self._has_come_on = False
        rest = data
        if self._request is None and not data.startswith(_USUAL_METHODS):
            rest = self._with_known_method(data)
        try:
            while rest and self._refusal is None:
                rest = self._parse(rest)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(501, "the method is not known")
        except httptools.HttpParserError as error:
            self._refuse(400, str(error))
        if self._request is not None:
            self._bound_waiting(len(data))
        if self._refusal:
            raise self._refusal

    def close(self) -> None:
        """There is nothing more to come. The parser and this refer to each other: what neither has is free at once."""
        del self._parser
        self._request = None
        self.requests.clear()

    def _with_known_method(self, data: bytes) -> bytes:
        """Those that come in pieces are left to the parser."""
        method = _METHOD.match(data)
        if method is None:
            self._refuse(400, "there is no method")
        elif method[1] and method.end() > method.end(1):
            self._method = method[1].decode("ascii")
            return _SOME_METHOD + data[method.end(1) :]
        return data

    def _parse(self, data: bytes) -> bytes:
        """What is left after a request that offers another protocol: the parser takes its body for that protocol's."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._resume()
            return data[offer.args[0] :]
        return b""

    def _resume(self) -> None:
        """Nobody has to take an offer: what follows is the request's body, and then another request."""
        length = self._request.content_length if self._request is not None else None
        self._parser = httptools.HttpRequestParser(self)
        self._is_resumed = True
        framing = b"transfer-encoding: chunked" if self._is_chunked else b"content-length: %d" % (length or 0)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")

    def _bound_waiting(self, size: int) -> None:
        """The parser keeps a header, a trailer or the end of a chunk to itself until it is complete."""
        self._waiting_bytes = 0 if self._has_come_on else self._waiting_bytes + size
        if self._waiting_bytes > 2 * self._most_header_bytes:
            self._refuse(431, "the headers are too large")

    def _refuse(self, status: int, reason: str) -> None:
        self._refusal = self._refusal or Refusal(status, reason, self._request)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self._is_resumed:
            return
        self._request = Request()
        self._in_head, self._parsed_bytes, self._url, self._hosts = True, 0, b"", 0
        self._is_chunked, self._has_come_on = False, True

    def on_url(self, url: bytes) -> None:
        if self._is_resumed:
            return
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_resumed:
            return
        self._count(len(name) + len(value) + 4)
        request, lowered = self._request, name.decode("latin-1").lower()
        assert request is not None
        if not self._in_head:
            if lowered not in FORBIDDEN:
                request.trailers.append((lowered, value))
        elif lowered in FORBIDDEN:
            self._note_connection(request, lowered, value)
        else:
            request.headers.append((lowered, value))
            self._note(request, lowered, value)

    def _note_connection(self, request: Request, name: str, value: bytes) -> None:
        if name == "host":
            self._hosts += 1
            request.authority = value.decode("latin-1")
        elif name == "transfer-encoding":
            self._is_chunked = True
            if value.lower() != b"chunked":
                self._refuse(400, "the transfer encoding is not chunked")

    def _note(self, request: Request, name: str, value: bytes) -> None:
        if name == "content-length":
            request.content_length = int(value)
            if request.content_length > self._most_body_bytes:
                self._refuse(413, "the body is too large")
        elif name == "expect":
            request.expects_continue = value.lower() == b"100-continue"

    def _count(self, size: int) -> None:
        """Of headers and of trailers alike."""
        self._parsed_bytes += size
        if self._parsed_bytes > self._most_header_bytes:
            self._refuse(431, "the headers are too large")

    def on_headers_complete(self) -> None:
        if self._is_resumed:
            self._is_resumed = False
            return
        request, parser = self._request, self._parser
        assert request is not None
        version = parser.get_http_version()
        request.method, self._method = self._method or parser.get_method().decode("ascii"), ""
        request.is_http_1_1 = version == _HTTP_1_1
        request.keeps_alive = parser.should_keep_alive()
        request.expects_continue &= request.is_http_1_1
        self._in_head, self._has_come_on = False, True
        self._take_target(request)
        self._check(request, version)
        if self._refusal is None:
            self.requests.append(request)

    def _take_target(self, request: Request) -> None:
        target = self._url.decode("latin-1")
        if "#" in target:
            self._refuse(400, "the request target has a fragment")
        if target.startswith("/") or (target == "*" and request.method == "OPTIONS"):
            request.target = target
            return
        scheme, _, rest = target.partition("://")
        authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
        path = rest[len(authority) :]
        if scheme.lower() not in ("http", "https") or not authority:
            self._refuse(400, "the request target is neither a path nor a URL")
        request.authority, request.target = authority, path if path.startswith("/") else f"/{path}"

    def _check(self, request: Request, version: str) -> None:
        if version not in (_HTTP_1_0, _HTTP_1_1):
            self._refuse(400, "the version is not HTTP/1.0 or HTTP/1.1")
        elif self._is_chunked and not request.is_http_1_1:
            self._refuse(400, "HTTP/1.0 has no transfer encodings")
        elif request.method == "CONNECT":
            self._refuse(400, "CONNECT is for proxies")
        elif self._hosts > 1 or (request.is_http_1_1 and not self._hosts):
            self._refuse(400, "there has to be one Host")
        elif not _AUTHORITY.fullmatch(request.authority or ""):
            self._refuse(400, "the Host is none")

    def on_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        self._has_come_on = True
        request.received += len(data)
        if request.received > self._most_body_bytes:
            self._refuse(413, "the body is too large")
        elif self._refusal is None and not request.is_unwanted:
            request.body.append(data)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return
        if self._request is not None:
            self._request.is_complete = True
        self._request, self._in_head = None, True
