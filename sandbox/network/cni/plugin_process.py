"""A plugin as a child process, with a limit on its time."""

import asyncio
import errno
import os
import select
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.network.cni.invocation import Invocation
from sandbox.network.cni.results import PluginFailed, failure, subject

_BUSY_ATTEMPTS = 5
_BUSY_SECONDS = 0.5
_SECONDS_TO_DIE = 10.0
_SECONDS_FOR_ORPHANS = 30.0
"""Who is killed has to get a processor to die, also on a busy machine."""


class Plugins:
    """The programs in the plugin folders. ``seconds``: the longest run of one."""

    def __init__(self, folders: Sequence[Path], seconds: float) -> None:
        self._folders = folders
        self._seconds = seconds

    async def run(self, invocation: Invocation) -> bytes:
        """Its output. Raises PluginFailed. No process of it is left, also when it is cancelled."""
        process = await self._started(invocation, self._program(invocation))
        try:
            async with asyncio.timeout(self._seconds):
                output, errors = await process.communicate(invocation.input)
        except TimeoutError as error:
            await _end(process)
            raise PluginFailed(
                f"{subject(invocation)} did not end within {self._seconds:g} s and was killed: see what it waits for"
            ) from error
        except BaseException:
            await _end(process)
            raise
        if process.returncode:
            raise failure(invocation, process.returncode, output, errors)
        return output

    def _program(self, invocation: Invocation) -> Path:
        for folder in self._folders:
            program = folder / invocation.plugin
            if program.is_file() and os.access(program, os.X_OK):
                return program
        places = " or ".join(str(folder) for folder in self._folders)
        raise PluginFailed(f"{subject(invocation)} cannot be run: {places} has no such program; install it there")

    async def _started(self, invocation: Invocation, program: Path) -> asyncio.subprocess.Process:
        """Later, while the program is being written: an installer at work."""
        for attempt in range(_BUSY_ATTEMPTS):
            try:
                return await self._start(invocation, program)
            except OSError as error:
                if error.errno != errno.ETXTBSY or attempt == _BUSY_ATTEMPTS - 1:
                    raise PluginFailed(
                        f"{subject(invocation)} cannot be run: {program}: {error.strerror}; install it anew"
                    ) from error
            await asyncio.sleep(_BUSY_SECONDS)
        raise AssertionError

    async def _start(self, invocation: Invocation, program: Path) -> asyncio.subprocess.Process:
        """In a session of its own, so that its children can be killed with it."""
        path = os.pathsep.join(str(folder) for folder in self._folders)
        return await asyncio.create_subprocess_exec(
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **invocation.environment, "CNI_PATH": path},
            start_new_session=True,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it and its children, also where it has ended itself: they hold its pipes, or it would have been heard."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):  # a daemon that it left behind may hold its pipes
        await asyncio.wait_for(process.communicate(), _SECONDS_TO_DIE)


def end_orphans(sandbox_ids: Iterable[str]) -> None:
    """Kill what a server that was killed left running for these pods: plugins, and what they have started. Blocks."""
    variables = {f"CNI_CONTAINERID={each}".encode() for each in sandbox_ids}
    while any(_ended(int(name), variables) for name in os.listdir("/proc") if name.isdecimal()):
        continue


def _ended(number: int, variables: set[bytes]) -> bool:
    """Whether the process had one of these variables, and is no more."""
    try:
        process = os.pidfd_open(number)
    except OSError:
        return False
    try:
        if variables.isdisjoint(Path(f"/proc/{number}/environ").read_bytes().split(b"\0")):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        return bool(waiting.poll(_SECONDS_FOR_ORPHANS * 1000))
    except OSError:
        return False
    finally:
        os.close(process)
