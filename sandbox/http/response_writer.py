"""From a response to bytes. No I/O.

The head waits until something of the body is to be sent, so that the length of a short one is known. A body of unknown
length goes in chunks, or to the connection's end for a client of HTTP/1.0.
"""

import time
from http import HTTPStatus

from sandbox.wasm.http_fields import Item

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_BODILESS = (204, 205, 304)
_FRAMING = {204: b"", 205: b"content-length: 0\r\n"}
"""RFC 9110: of no content the length is not told (8.6), and there is none to reset to (15.3.6)."""
_LENGTH = "content-length"
_NO_TRAILERS = (_LENGTH, "trailer")
"""RFC 9110, 6.5.1: about the framing, which is over. The others of that kind are forbidden to a guest anyhow."""
_LOWEST_FINAL = 200
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_DIGITS = 18
_RETRY = {503: [("retry-after", b"1")]}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ResponseWriter:
    def __init__(self, method: str, is_http_1_1: bool, keeps_alive: bool) -> None:
        self._is_head = method == "HEAD"
        self._is_http_1_1 = is_http_1_1
        self.keeps_alive = keeps_alive
        """The connection can be used for another request, as far as this response has got."""
        self.status = 0
        """0: none yet."""
        self.is_begun = False
        """Something of it may have been sent."""
        self.is_ended = False
        self.body_bytes = 0
        """That were written."""
        self.sent_bytes = 0
        """Of them."""
        self._headers: list[Item] = []
        self._length: int | None = None
        self._waiting: list[bytes] = []
        self.waiting_bytes = 0
        self._is_chunked = False

    def start(self, status: int, headers: list[Item]) -> bool:
        """False where the headers contradict themselves or what was written before, or the status is no final one."""
        lengths = {value for name, value in headers if name == _LENGTH}
        if status < _LOWEST_FINAL or len(lengths) > 1 or any(not _is_length(value) for value in lengths):
            return False
        self.status, self._headers = status, headers
        if lengths:
            self._headers = [item for item in headers if item[0] != _LENGTH]
            self._length = None if status in _FRAMING else int(lengths.pop())
        if self._has_no_body:
            self._take_waiting()
        return self._length is None or self.body_bytes <= self._length

    def forget(self) -> None:
        """What was written for another response than the one that is started."""
        self._take_waiting()
        self.body_bytes = 0

    def write(self, data: bytes) -> bool:
        """False where it is more than the headers have promised."""
        self.body_bytes += len(data)
        if self._length is not None and self.body_bytes > self._length:
            return False
        if not self._has_no_body:
            self._waiting.append(data)
            self.waiting_bytes += len(data)
        return True

    def take(self) -> bytes:
        """What can be sent now."""
        if self.is_ended or not self.status:
            return b""
        head = b"" if self.is_begun else self._begin(None)
        return head + self._framed(self._take_waiting())

    def end(self, trailers: list[Item]) -> bytes | None:
        """The rest; None where it is less than the headers have promised."""
        if self._length is not None and self.body_bytes < self._length and not self._has_no_body:
            return None
        body = self._take_waiting()
        head = b"" if self.is_begun else self._begin(None if trailers else len(body))
        framed = head + self._framed(body)
        self.is_ended = True
        return framed + b"0\r\n" + _trailer_lines(trailers) + b"\r\n" if self._is_chunked else framed

    @property
    def _has_no_body(self) -> bool:
        return self._is_head or self.status in _BODILESS

    def _take_waiting(self) -> bytes:
        body = b"".join(self._waiting)
        self._waiting.clear()
        self.waiting_bytes = 0
        return body

    def _framed(self, body: bytes) -> bytes:
        self.sent_bytes += len(body)
        return b"%x\r\n%b\r\n" % (len(body), body) if self._is_chunked and body else body

    def _begin(self, size: int | None) -> bytes:
        """``size``: of the whole body, where it is known."""
        self.is_begun = True
        framing = self._framing(size)
        status = b"HTTP/1.1 %d %b\r\n" % (self.status, _REASONS.get(self.status, b""))
        return status + _lines(self._headers) + framing + self._rest() + b"\r\n"

    def _framing(self, size: int | None) -> bytes:
        if self.status in _FRAMING:
            return _FRAMING[self.status]
        if self._length is not None:
            return b"content-length: %d\r\n" % self._length
        if self._has_no_body:
            return b""
        if size is not None:
            return b"content-length: %d\r\n" % size
        if self._is_http_1_1:
            self._is_chunked = True
            return b"transfer-encoding: chunked\r\n"
        self.keeps_alive = False
        return b""

    def _rest(self) -> bytes:
        date = b"" if any(name == "date" for name, _ in self._headers) else b"date: %b\r\n" % _date()
        if not self.keeps_alive:
            return date + b"connection: close\r\n"
        return date if self._is_http_1_1 else date + b"connection: keep-alive\r\n"


def refusal(status: int, reason: str, is_head: bool = False) -> bytes:
    """An answer of the server's own, after which the connection ends."""
    writer = ResponseWriter("HEAD" if is_head else "GET", is_http_1_1=True, keeps_alive=False)
    writer.start(status, [("content-type", b"text/plain"), *_RETRY.get(status, [])])
    writer.write(f"{status} {HTTPStatus(status).phrase}: {reason}\n".encode())
    return writer.end([]) or b""


def _lines(items: list[Item]) -> bytes:
    return b"".join([b"%b: %b\r\n" % (name.encode("latin-1"), value) for name, value in items])


def _trailer_lines(items: list[Item]) -> bytes:
    return _lines([item for item in items if item[0] not in _NO_TRAILERS])


def _is_length(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _MOST_DIGITS


_last_date = (0, b"")


def _date() -> bytes:
    """Made once a second, without the system's names for days and months."""
    global _last_date
    now, (second, text) = int(time.time()), _last_date
    if now != second:
        year, month, day, hour, minute, at, weekday, *_ = time.gmtime(now)
        text = f"{_WEEKDAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{at:02} GMT".encode()
        _last_date = (now, text)
    return text
