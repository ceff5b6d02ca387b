"""What a stream's client does wrong, or does not live to see.

StreamingError
├── RequestRefused      its HTTP request is answered with a status, and no stream begins
├── ProtocolViolation   what it sends is not SPDY, or not WebSocket: its connection is ended
├── StreamReset         it has given one stream up
└── ClientGone          its connection has ended
"""

from collections.abc import Sequence


class StreamingError(Exception):
    pass


class RequestRefused(StreamingError):
    """``headers``: of the answer, beside the usual ones."""

    def __init__(self, status: int, reason: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = tuple(headers)


class ProtocolViolation(StreamingError):
    pass


class StreamReset(StreamingError):
    pass


class ClientGone(StreamingError):
    pass
