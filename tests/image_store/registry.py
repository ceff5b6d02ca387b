"""A registry that misbehaves as it is told: the honest one of ``deploy``, with what goes wrong put in front."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.demo_registry import Handler, Registry

_FAR_TOO_MUCH = 64 << 20


class BadRegistry(Registry):
    """``faults`` are asked in turn, with each request for a manifest or blob; the first that returns True has answered
    it, or has dropped it."""

    def __init__(self) -> None:
        self.faults: list[Callable[[BadHandler], bool]] = []
        self.requests: list[str] = []
        """Method and path of every request to read, in order."""
        self.authorizations: list[str] = []
        self.ranges: list[str] = []
        self.on_post: Callable[[BadHandler], object] | None = None
        """Answers what is posted to ``/token``."""
        self.released = threading.Event()
        """Lets those go on that stall."""
        super().__init__(handler=BadHandler)

    def close(self) -> None:
        self.released.set()
        super().close()


class BadHandler(Handler):
    registry: BadRegistry

    def do_GET(self) -> None:  # noqa: N802
        self.registry.requests.append(f"{self.command} {self.path}")
        self.registry.authorizations.append(self.headers.get("Authorization", ""))
        self.registry.ranges.append(self.headers.get("Range", ""))
        if not any(fault(self) for fault in self.registry.faults):
            super().do_GET()

    def do_POST(self) -> None:  # noqa: N802
        if self.path == "/token" and self.registry.on_post is not None:
            self.registry.on_post(self)
        else:
            super().do_POST()

    @property
    def is_blob(self) -> bool:
        return "/blobs/" in self.path

    @property
    def is_manifest(self) -> bool:
        return "/manifests/" in self.path

    def begin(self, length: int, status: int = 200) -> None:
        """Headers that announce ``length`` bytes."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def blob_content(self) -> bytes:
        return self.registry.blobs[self.path.rpartition("/")[2]]


@contextmanager
def bad_registry(*faults: Callable[[BadHandler], bool]) -> Iterator[BadRegistry]:
    registry = BadRegistry()
    registry.faults.extend(faults)
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def no_listener() -> Iterator[str]:
    """An address of this machine where nobody listens, and nobody can meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def times(count: int, fault: Callable[[BadHandler], bool]) -> Callable[[BadHandler], bool]:
    """The fault, until it has happened ``count`` times."""
    left = [count]

    def limited(handler: BadHandler) -> bool:
        if left[0] > 0 and fault(handler):
            left[0] -= 1
            return True
        return False

    return limited


def on_blobs(fault: Callable[[BadHandler], bool]) -> Callable[[BadHandler], bool]:
    return lambda handler: handler.is_blob and fault(handler)


def on_manifests(fault: Callable[[BadHandler], bool]) -> Callable[[BadHandler], bool]:
    return lambda handler: handler.is_manifest and fault(handler)


def fails(status: int, headers: dict[str, str] | None = None) -> Callable[[BadHandler], bool]:
    def fault(handler: BadHandler) -> bool:
        body = b'{"errors":[{"code":"TROUBLE","message":"the backend is on fire"}]}'
        handler.answer(status, body, headers or {})
        return True

    return fault


def sends(content: bytes) -> Callable[[BadHandler], bool]:
    """Other content than was asked for."""

    def fault(handler: BadHandler) -> bool:
        handler.answer(200, content, {})
        return True

    return fault


class HasNoEnd:
    """Answers with far more than anybody wants, and counts how much of it was taken."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.sent = 0
        self._status = status
        self._headers = headers or {}

    def __call__(self, handler: BadHandler) -> bool:
        handler.send_response(self._status)
        for name, value in {**self._headers, "Content-Length": str(_FAR_TOO_MUCH)}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True
        with contextlib.suppress(ConnectionError):
            while self.sent < _FAR_TOO_MUCH:
                handler.wfile.write(bytes(1 << 20))
                self.sent += 1 << 20
        return True


def drops(handler: BadHandler) -> bool:
    """Half of a blob, then the connection ends."""
    content = handler.blob_content()
    handler.begin(len(content))
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.close_connection = True
    return True


def stalls(handler: BadHandler) -> bool:
    """Half of a blob, then silence."""
    content = handler.blob_content()
    handler.begin(len(content))
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.registry.released.wait(60)
    handler.close_connection = True
    return True


def is_silent(handler: BadHandler) -> bool:
    """No answer at all."""
    handler.registry.released.wait(60)
    handler.close_connection = True
    return True


def trickles(handler: BadHandler) -> bool:
    """A blob in many small pieces."""
    content = handler.blob_content()
    handler.begin(len(content))
    for start in range(0, len(content), max(1, len(content) // 20)):
        handler.wfile.write(content[start : start + max(1, len(content) // 20)])
        handler.wfile.flush()
        time.sleep(0.01)
    return True
