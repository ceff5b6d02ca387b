"""The HTTP/1.1 request that a stream begins with, and its answer. No I/O: bytes in, a request or a refusal out."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

import h11

from cri_server.streaming.errors import RequestRefused

_MOST_HEAD_BYTES = 32 << 10
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Request(NamedTuple):
    """``target``: without the query, which has no meaning here."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Of all lines of a header, in lower case, and each line's parts between commas."""
        return list(self._values(name))

    def mentions(self, name: str, value: str) -> bool:
        return value in (found.lower() for found in self._values(name))

    def _values(self, name: str) -> Iterator[str]:
        for key, line in self.headers:
            if key == name:
                yield from (part for part in map(str.strip, line.split(",")) if part)


class HttpHandshake:
    """Of one connection. Exactly one of ``switch`` and ``refuse`` follows what ``receive`` returned or raised."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD_BYTES)
        self._bodiless = False
        self._head_bytes = 0

    def receive(self, data: bytes) -> Request | None:
        """The request, once its head is complete. Raises RequestRefused."""
        self._head_bytes += len(data)
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise RequestRefused(error.error_status_hint, f"bad request: {error}") from error
        if not isinstance(event, h11.Request):
            return None
        self._bodiless = event.method == b"HEAD"
        if self._head_bytes - len(self._http.trailing_data[0]) > _MOST_HEAD_BYTES:
            raise RequestRefused(431, f"the head of the request is longer than {_MOST_HEAD_BYTES} bytes")
        return _checked(event)

    def keep(self, data: bytes) -> None:
        """Of the stream already: a client need not wait for the answer."""
        self._http.receive_data(data)

    def switch(self, headers: Sequence[tuple[str, str]]) -> tuple[bytes, bytes]:
        """The answer that begins the stream, and what of the stream has already been received."""
        self._http.next_event()  # the end of a request without a body
        head = h11.InformationalResponse(status_code=101, reason=b"Switching Protocols", headers=list(headers))
        answer = self._http.send(head) or b""
        return answer, self._http.trailing_data[0]

    def refuse(self, refusal: RequestRefused) -> bytes:
        body = f"{refusal}\n".encode()
        headers = [_TEXT, ("Content-Length", str(len(body))), ("Connection", "close"), *refusal.headers]
        reason = HTTPStatus(refusal.status).phrase.encode()
        answer = self._http.send(h11.Response(status_code=refusal.status, reason=reason, headers=headers)) or b""
        return answer if self._bodiless else answer + body


def _checked(event: h11.Request) -> Request:
    headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
    request = Request(event.method.decode("ascii"), event.target.decode("ascii").partition("?")[0], headers)
    if event.http_version != b"1.1":
        raise RequestRefused(505, "a stream begins with a request of HTTP/1.1")
    if request.values("transfer-encoding") or request.values("content-length") not in ([], ["0"]):
        raise RequestRefused(400, "a request for a stream has no body")
    return request
