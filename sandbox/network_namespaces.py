"""Network namespaces for pods. One is made ahead: what the kernel takes for it is as much as for the fork of a process.

A namespace lives as long as somebody is in it or holds its descriptor, so what the server holds ends with the server.
"""

import asyncio
import os

import structlog

from sandbox import mount_calls
from sandbox.errors import SandboxError
from sandbox.mount_places import apart

log = structlog.get_logger()


class NetworkNamespaces:
    def __init__(self) -> None:
        self._spare = -1
        self.making: asyncio.Task[None] | None = None
        """The making of the next one, while it is under way."""

    async def take(self) -> int:
        """Descriptor of one that nobody has used, the caller's from then on. Raises SandboxError."""
        if self._spare >= 0:
            spare, self._spare = self._spare, -1
            return spare
        try:
            return await apart(_make, os.close)
        except OSError as error:
            raise SandboxError(
                f"no network namespace can be made: {error.strerror}; raise user.max_net_namespaces, and be root"
            ) from error

    def make_ahead(self) -> None:
        """The next one, in the background."""
        if self._spare < 0 and self.making is None:
            self.making = asyncio.create_task(self._make_ahead())

    def close(self) -> None:
        if self.making is not None:
            self.making.cancel()
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    async def _make_ahead(self) -> None:
        try:
            self._spare = await apart(_make, os.close)
        except (OSError, SandboxError) as error:
            log.warning("no network namespace can be made ahead: the next pod tries again", cause=str(error))
        finally:
            self.making = None


def _make() -> int:
    """The calling thread is in it then."""
    mount_calls.unshare(mount_calls.CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
