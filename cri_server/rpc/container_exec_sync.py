"""ExecSync: execute a command in a container and return what it wrote and how it exited.

CRI: a command that exits with another code than 0 is no error, one that cannot be executed is; beyond the timeout it is
killed, and the error is DEADLINE_EXCEEDED. Output beyond what a message holds is discarded, and the command goes on.
"""

import asyncio

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import ExecTimedOut
from cri_server.exec_session import Wanted, check_command, execute, running_container
from cri_server.output_capture import read_output
from cri_server.runtime import Runtime

_MOST_BYTES = (16 << 20) - (64 << 10)
"""Of one output, as CRI has it, and of both together: clients take no message of 16 MiB or more."""


async def exec_sync(runtime: Runtime, request: cri.ExecSyncRequest) -> cri.ExecSyncResponse:
    """A client that goes away ends the command."""
    container = running_container(runtime, request.container_id)
    check_command(container, request.cmd)
    try:
        async with asyncio.timeout(request.timeout if request.timeout > 0 else None):
            return await _execute(runtime, container, list(request.cmd))
    except TimeoutError as error:
        raise ExecTimedOut(
            f"{request.cmd[0]!r} in container {container.id} did not end within its {request.timeout} s and was "
            "killed: let it do less, or give it a longer timeout"
        ) from error


async def _execute(runtime: Runtime, container: Container, words: list[str]) -> cri.ExecSyncResponse:
    guest = await execute(runtime, container, words, Wanted())
    reading = asyncio.gather(*(read_output(end, _MOST_BYTES) for end in (guest.ends.stdout, guest.ends.stderr)))
    try:
        exit_code = await guest.wait()
        stdout, stderr = _fitting(*await reading)
    except BaseException:
        reading.cancel()
        await asyncio.shield(guest.end())
        await asyncio.gather(reading, return_exceptions=True)
        raise
    await guest.end()  # which waits for nothing more
    return cri.ExecSyncResponse(stdout=stdout, stderr=stderr, exit_code=exit_code)


def _fitting(stdout: bytes, stderr: bytes) -> tuple[bytes, bytes]:
    """In one message: the longer is cut, so that a flood of one hides nothing of the other."""
    half = _MOST_BYTES // 2
    return (
        stdout[: _MOST_BYTES - min(len(stderr), half)],
        stderr[: _MOST_BYTES - min(len(stdout), half)],
    )
