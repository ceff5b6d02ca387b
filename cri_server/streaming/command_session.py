"""Exec and attach: a client's streams joined to those of a process.

    streams opened ─▶ process opened ─▶ bytes both ways ─▶ process exited, output read to its end ─▶ status ─▶ goodbye

The status comes last: a client that has it asks for nothing more, and one that never gets it takes a closed connection
for success. So everything that goes wrong here is told as a failure.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from cri_server.errors import ServerError
from cri_server.streaming import status
from cri_server.streaming.errors import ClientGone, StreamingError, StreamReset
from cri_server.streaming.process_joint import ProcessJoint
from cri_server.streaming.target import ProcessTarget, StreamedProcess
from cri_server.streaming.tasks import first_of, stop
from cri_server.streaming.transport import Carrier, Stream
from image_store.errors import ImageStoreError
from sandbox.errors import SandboxError

_INPUTS = ("stdin", "resize")
_WITHOUT_RESIZE = ("channel.k8s.io", "v2.channel.k8s.io")
"""SPDY protocols that know nothing of terminals' sizes."""

log = structlog.get_logger()


class WantedStreams:
    """Those that a client has to open, each once."""

    def __init__(self, target: ProcessTarget, protocol: str) -> None:
        wanted = {
            "error": True,
            "stdin": target.stdin,
            "stdout": target.stdout,
            "stderr": target.stderr and not target.tty,
            "resize": target.tty and protocol not in _WITHOUT_RESIZE,
        }
        self.roles = [role for role, is_wanted in wanted.items() if is_wanted]
        self._missing = set(self.roles)

    def admit(self, headers: Mapping[str, str]) -> bool:
        role = headers.get("streamtype", "")
        is_missing = role in self._missing
        self._missing.discard(role)
        return is_missing


class CommandSession:
    """``ending``: done, with the reason, when the server ends the stream."""

    def __init__(
        self, carrier: Carrier, target: ProcessTarget, protocol: str, roles: list[str], ending: asyncio.Future[str]
    ) -> None:
        self._carrier = carrier
        self._target = target
        self._protocol = protocol
        self._roles = roles
        self._ending = ending
        self._streams: dict[str, Stream] = {}

    async def run(self, creation_seconds: float) -> None:
        """Raises ClientGone."""
        try:
            async with asyncio.timeout(creation_seconds):
                await self._gather()
        except TimeoutError:
            outcome = self._failed(f"the client has not opened its streams within {creation_seconds:g} s")
        else:
            outcome = await self._outcome()
        await self._tell(outcome)
        await self._carrier.finish()

    async def _gather(self) -> None:
        while len(self._streams) < len(self._roles):
            stream = await self._carrier.next_stream()
            if stream is None:
                raise ClientGone("the client has not opened all its streams")
            role = stream.headers["streamtype"]
            self._streams[role] = stream
            if role not in _INPUTS:
                stream.inbox.discard()

    async def _tell(self, outcome: bytes) -> None:
        """In the order in which every client can take it."""
        for role in ("stdout", "stderr"):
            if role in self._streams:
                self._streams[role].end()
        if error := self._streams.get("error"):
            with suppress(StreamReset):
                await error.write(outcome)
        for role in ("error", "stdin", "resize"):
            if role in self._streams:
                self._streams[role].end()

    # ---- The process --------------------------------------------------------------------------------------------

    async def _outcome(self) -> bytes:
        try:
            process = await self._target.open()
            try:
                return await self._attend(process)
            finally:
                await process.end()
        except StreamingError:
            raise
        except (ServerError, SandboxError, ImageStoreError) as error:
            return self._failed(str(error))
        except Exception as error:
            log.exception("a stream failed unexpectedly", exc_info=error)
            return self._failed(f"{self._target.kind} failed unexpectedly; the log of wasmlet has the details")

    async def _attend(self, process: StreamedProcess) -> bytes:
        with ProcessJoint(process) as joint:
            work = asyncio.create_task(joint.run(self._streams))
            try:
                await first_of(work, self._ending, self._carrier.gone)
                if work.done():
                    return status.exited(self._protocol, work.result())
                if self._carrier.gone.done():
                    raise ClientGone("the client has closed its connection")
                return self._failed(self._ending.result())
            finally:
                await stop(work)

    def _failed(self, reason: str) -> bytes:
        return status.failed(self._protocol, reason)
