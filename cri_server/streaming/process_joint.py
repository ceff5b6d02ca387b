"""A process' standard streams joined to a client's, until it has exited and all that it wrote has been taken."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack

from cri_server.streaming.descriptors import DescriptorReader, DescriptorWriter
from cri_server.streaming.errors import ProtocolViolation, StreamReset
from cri_server.streaming.target import StreamedProcess
from cri_server.streaming.tasks import stop
from cri_server.streaming.terminal_sizes import TerminalSizes
from cri_server.streaming.transport import Stream

_SECONDS_OF_SILENCE = 2.0


class ProcessJoint(ExitStack):
    """Owns the ends of the process' streams, until it is closed."""

    def __init__(self, process: StreamedProcess) -> None:
        super().__init__()
        self._process = process
        stdin, *outputs = process.ends
        self._writer = DescriptorWriter(stdin, self) if stdin >= 0 else None
        self._readers = {
            role: DescriptorReader(end, self)
            for role, end in zip(("stdout", "stderr"), outputs, strict=True)
            if end >= 0
        }

    async def run(self, streams: Mapping[str, Stream]) -> int:
        """Its exit code. ``streams``: by role. Raises ClientGone."""
        outputs = {
            asyncio.create_task(_send(reader, streams.get(role))): reader for role, reader in self._readers.items()
        }
        inputs = [
            asyncio.create_task(_receive(streams.get("stdin"), self._writer)),
            asyncio.create_task(_resize(streams.get("resize"), self._process)),
        ]
        try:
            code = await self._process.wait()
            await _read_rest(self._process, outputs)
            return code
        finally:
            await stop(*outputs, *inputs)


async def _send(reader: DescriptorReader, stream: Stream | None) -> None:
    """Output that nobody wants is read nevertheless: the process would wait."""
    try:
        while data := await reader.read():
            if stream is not None:
                await stream.write(data)
    except StreamReset:
        reader.close()  # the process gets SIGPIPE, as if its output went into a pipe of a shell


async def _receive(stream: Stream | None, writer: DescriptorWriter | None) -> None:
    """A client that gives its stdin up has ended it."""
    if stream is None:
        return
    try:
        while data := await stream.read():
            if writer is None:
                break
            await writer.write(data)
    except (StreamReset, OSError):  # a process need not read its input
        pass
    if writer is not None:
        writer.close()
    stream.inbox.discard()


async def _resize(stream: Stream | None, process: StreamedProcess) -> None:
    if stream is None:
        return
    sizes = TerminalSizes()
    try:
        while data := await stream.read():
            for width, height in sizes.receive(data):
                process.resize(width, height)
    except (StreamReset, ProtocolViolation):
        pass
    stream.inbox.discard()


async def _read_rest(process: StreamedProcess, outputs: Mapping[asyncio.Task[None], DescriptorReader]) -> None:
    """What others hold open does not keep the stream: an exec'd shell's background job ends with the exec."""
    unfinished = set(outputs)
    while unfinished:
        done, unfinished = await asyncio.wait(unfinished, timeout=_SECONDS_OF_SILENCE)
        for task in done:
            task.result()
        if unfinished and all(outputs[task].is_silent for task in unfinished):
            await process.end()
            await asyncio.wait(unfinished, timeout=_SECONDS_OF_SILENCE)
            return
