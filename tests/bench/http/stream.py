"""One long body, and how much memory its server takes meanwhile."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.bench.http.serving import PORT, Serving
from tests.bench.memory import memory_of
from tests.bench.server import BenchError

_PIECE = 1 << 20
_SECONDS_BETWEEN_LOOKS = 0.1
_PATIENCE = 300


class Streamed(NamedTuple):
    rate: float
    """Megabytes per second."""
    before: float
    """Bytes of memory before it."""
    memory: float
    """Bytes, the most that was seen at once."""


def download(server: Serving, size: int) -> Streamed:
    """Raises BenchError."""
    return _watched(server, size, lambda: _download(server, size))


def upload(server: Serving, size: int) -> Streamed:
    """Raises BenchError."""
    return _watched(server, size, lambda: _upload(server, size))


def _download(server: Serving, size: int) -> int:
    answer = _request(server, "GET", f"/bytes?{size}")
    received = 0
    while piece := answer.read(_PIECE):
        received += len(piece)
    return received


def _upload(server: Serving, size: int) -> int:
    return int(_request(server, "POST", "/count", _pieces(size), {"Content-Length": str(size)}).read())


def _request(
    server: Serving, method: str, path: str, body: Iterator[bytes] | None = None, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    client = http.client.HTTPConnection(server.address, PORT, timeout=_PATIENCE)
    client.request(method, path, body, headers or {})
    return client.getresponse()


def _pieces(size: int) -> Iterator[bytes]:
    piece = bytes(_PIECE)
    for start in range(0, size, _PIECE):
        yield piece[: size - start]


def _watched(server: Serving, size: int, run: Callable[[], int]) -> Streamed:
    seen, ended = [memory_of(server.pids())], threading.Event()

    def look() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            seen.append(memory_of(server.pids()))

    watcher = threading.Thread(target=look)
    watcher.start()
    begin = time.perf_counter()
    try:
        moved = run()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"a body of {size} bytes broke off at {server.name}: {error!r}") from error
    finally:
        elapsed = time.perf_counter() - begin
        ended.set()
        watcher.join()
    if moved != size:
        raise BenchError(f"{server.name} moved {moved} bytes of {size}")
    return Streamed(size / elapsed / 1e6, seen[0], max(seen))
