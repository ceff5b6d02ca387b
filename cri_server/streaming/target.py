"""What a client's stream is joined to: a process of a pod, or the ports of one. A target is told when a stream's URL is
given out and is opened when the client comes to it with all its streams.
"""

import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from sandbox.stream_ends import Ends

__all__ = ["Ends", "PortTarget", "ProcessTarget", "StreamedProcess"]


class StreamedProcess(Protocol):
    """Lives at least until ``end`` was called, which whoever opened it has to do, also after ``wait``."""

    ends: Ends

    async def wait(self) -> int:
        """Exit code 0 to 255 of an exec'd process; 0 when the container that was attached to has ended. What was
        written before can still be read from the ends up to their end."""

    def resize(self, width: int, height: int) -> None:
        """Columns and rows of its terminal."""

    async def end(self) -> None:
        """The client is done: an exec'd process is killed with all its group, a container is only detached from.
        Idempotent.
        """


class ProcessTarget(NamedTuple):
    """Streams of exec and attach."""

    kind: str
    """``exec`` or ``attach``."""
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool
    open: Callable[[], Awaitable[StreamedProcess]]
    """Raises an exception whose text is for the client: SandboxError, ServerError, ImageStoreError."""


class PortTarget(NamedTuple):
    """Port-forward into a pod sandbox."""

    sandbox_id: str
    ports: tuple[int, ...]
    """What the RPC named; most clients name theirs on the stream."""
    dial: Callable[[int], Awaitable[socket.socket]]
    """A connected, non-blocking TCP socket to the port on the pod's own loopback. Raises as ``open`` above, OSError."""
