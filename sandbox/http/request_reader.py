"""From the bytes of a connection to requests. No I/O; the syntax is llhttp's, which refuses what could be read in two
ways.
"""

from collections import deque

import httptools

from sandbox.wasm.http_fields import FORBIDDEN, Item

_HTTP_1_0, _HTTP_1_1 = "1.0", "1.1"


class Refusal(Exception):
    """A request that no guest hears of. ``status``: of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request:
    """As far as it has arrived."""

    __slots__ = (
        *("authority", "body", "content_length", "expects_continue", "headers", "is_complete", "is_http_1_1"),
        *("keeps_alive", "method", "received", "target", "trailers"),
    )

    def __init__(self) -> None:
        self.method = ""
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
        self._url = b""
        self._hosts = 0
        self._refusal: Refusal | None = None
        self.requests: deque[Request] = deque()

    @property
    def is_between(self) -> bool:
        """No request has begun that is not complete."""
        return self._request is None

    def feed(self, data: bytes) -> None:
        """Raises Refusal; requests that were complete before it are in ``requests``."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:  # nobody has to take it: what follows is another request
            self._parser = httptools.HttpRequestParser(self)
            rest = data[offer.args[0] :]
            if rest and self._refusal is None:
                self.feed(rest)
        except httptools.HttpParserError as error:
            raise self._refusal or Refusal(400, str(error)) from None
        if self._in_head:
            self._bound_head(len(data))
        if self._refusal:
            raise self._refusal

    def _bound_head(self, size: int) -> None:
        """The parser keeps a header to itself until it is complete."""
        self._waiting_bytes = self._waiting_bytes + size if self._waiting_bytes or self._request else 0
        if self._waiting_bytes > 2 * self._most_header_bytes:
            self._refuse(431, "the headers are too large")

    def _refuse(self, status: int, reason: str) -> None:
        self._refusal = self._refusal or Refusal(status, reason)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._in_head, self._parsed_bytes, self._url, self._hosts = True, 0, b"", 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        request, lowered = self._request, name.decode("latin-1").lower()
        assert request is not None
        if not self._in_head:
            if lowered not in FORBIDDEN:
                request.trailers.append((lowered, value))
        elif lowered in FORBIDDEN:
            self._note_host(lowered, value)
        else:
            request.headers.append((lowered, value))
            self._note(request, lowered, value)

    def _note_host(self, name: str, value: bytes) -> None:
        if name == "host" and self._request is not None:
            self._hosts += 1
            self._request.authority = value.decode("latin-1")

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
        request, parser = self._request, self._parser
        assert request is not None
        version = parser.get_http_version()
        request.method = parser.get_method().decode("ascii")
        request.is_http_1_1 = version == _HTTP_1_1
        request.keeps_alive = parser.should_keep_alive()
        self._in_head, self._waiting_bytes = False, 0
        self._take_target(request)
        self._check(request, version)
        if self._refusal is None:
            self.requests.append(request)

    def _take_target(self, request: Request) -> None:
        target = self._url.decode("latin-1")
        if target.startswith("/") or target == "*":
            request.target = target
            return
        scheme, _, rest = target.partition("://")
        authority, slash, path = rest.partition("/")
        if scheme.lower() not in ("http", "https") or not authority:
            self._refuse(400, "the request target is neither a path nor a URL")
        request.authority, request.target = authority, slash + path or "/"

    def _check(self, request: Request, version: str) -> None:
        if version not in (_HTTP_1_0, _HTTP_1_1):
            self._refuse(400, "the version is not HTTP/1.0 or HTTP/1.1")
        elif request.method == "CONNECT":
            self._refuse(400, "CONNECT is for proxies")
        elif self._hosts > 1 or (request.is_http_1_1 and not self._hosts):
            self._refuse(400, "there has to be one Host")

    def on_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        request.received += len(data)
        if request.received > self._most_body_bytes:
            self._refuse(413, "the body is too large")
        elif self._refusal is None:
            request.body.append(data)

    def on_message_complete(self) -> None:
        if self._request is not None:
            self._request.is_complete = True
        self._request, self._in_head, self._waiting_bytes = None, True, 0
