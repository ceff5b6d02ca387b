"""Whether the guests of this server can be granted ``wasi:sockets``, which depends on wasmtime's library."""

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

import structlog

from sandbox.wasm.socket_grant import REFUSED, FlagPlaces

_TRIAL = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sandbox.wasm.socket_trial import main; main()"
_PACKAGE = str(Path(__file__).resolve().parent.parent)
_SECONDS = 120.0

log = structlog.get_logger()


class SocketSupport(NamedTuple):
    places: str
    """Of the flags (see ``socket_grant.FlagPlaces``), encoded; empty where there are none."""
    refusal: str
    """Why there are none."""


_proven: dict[tuple[str, int, int], SocketSupport] = {}
"""By path, size and time: a file goes on doing what it was seen to do."""


async def try_sockets(library: Path) -> SocketSupport:
    """By a trial in a process that is thrown away. What goes wrong with it is a refusal, and logged."""
    try:
        key = _key(library)
        if key in _proven:
            return _proven[key]
        answer = (await _trial(library)).decode(errors="replace")
        if not answer.startswith(REFUSED):
            return _proven.setdefault(key, SocketSupport(_checked(answer), ""))
        refusal = answer.removeprefix(REFUSED)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        refusal = f"the trial of wasmtime's sockets failed ({type(error).__name__}: {error}): start the server again"
    log.warning("components cannot use sockets", reason=refusal)
    return SocketSupport("", refusal)


def _key(library: Path) -> tuple[str, int, int]:
    found = library.stat()
    return str(library), found.st_size, found.st_mtime_ns


def _checked(answer: str) -> str:
    if FlagPlaces.decoded(answer) is None:
        raise ValueError("it ended without an answer")
    return answer


async def _trial(library: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-E", "-s", "-c", _TRIAL, _PACKAGE, str(library)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={"TOKIO_WORKER_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            return (await process.communicate())[0]
    except BaseException:
        process.kill()
        await process.communicate()
        raise
