"""What a container's HTTP server allows, as the server of the node has decided when the container was created."""

from typing import NamedTuple


class HttpLimits(NamedTuple):
    """Times in seconds. Whatever is not bounded otherwise is bounded by the container's memory."""

    workers: int = 1
    """Processes that run guests."""
    concurrency: int = 256
    """Requests whose guests run in one worker at the same time; as many more may wait, the rest is answered 503.
    wasmtime reads 512 bodies at the same time, at most."""
    header_bytes: int = 65536
    """Request line and headers together; more: 431."""
    body_bytes: int = 1 << 30
    """Of a request; more: 413."""
    header_seconds: float = 10
    """From the first byte of a request to the end of its headers; more: 408."""
    body_seconds: float = 30
    """Without a byte of a body; more: 408. Also without a byte taken of a response, which ends the connection."""
    idle_seconds: float = 75
    """A connection without a request is closed."""
    request_seconds: float = 60
    """From the headers to the guest's answer; more: 504."""
    access_log: str = ""
    """``common``, ``combined``, ``json``, or none."""
