"""Commands that are executed in a running container, and those who watch one: what Exec, ExecSync and Attach share."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import CommandFailed, CommandNotExecutable, InvalidRequest, WrongState
from cri_server.exec_command import ExecCommand, find_command
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox, running_process
from cri_server.seccomp_profile import check_seccomp
from cri_server.socket_shim import socket_shim
from cri_server.streaming.target import Ends, StreamedProcess
from sandbox import stream_ends
from sandbox.seccomp.socket_policy import NO_SOCKETS, policy_of
from sandbox.specs import GuestSpec
from sandbox.streamed_guest import AttachedGuest, ExecutedGuest

_OF_LISTENERS = ("LISTEN_FDS=", "LISTEN_FDNAMES=")
_TERMINAL = "TERM=xterm"


class Wanted(NamedTuple):
    """Streams that a client asks for."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


def running_container(runtime: Runtime, container_id: str) -> Container:
    """Raises InvalidRequest, UnknownObject, WrongState."""
    container = runtime.container(container_id)
    if container.state != cri.CONTAINER_RUNNING:
        state = cri.ContainerState.Name(container.state)
        raise WrongState(f"container {container.id} is {state}: only in a running one can anything be executed or seen")
    return container


def check_command(container: Container, words: Sequence[str]) -> None:
    """Raises InvalidRequest."""
    if not words or not words[0]:
        raise InvalidRequest(f"no command is named to be executed in container {container.id}: name one")
    if any("\0" in word for word in words):
        raise InvalidRequest(f"an argument of {words[0]!r} has a NUL byte: remove it")


def check_streams(wanted: Wanted) -> None:
    """CRI: the rules of Exec and Attach. Raises InvalidRequest."""
    if wanted.tty and wanted.stderr:
        raise InvalidRequest("tty and stderr cannot both be true: a terminal has one output")
    if not (wanted.stdin or wanted.stdout or wanted.stderr):
        raise InvalidRequest("one of stdin, stdout and stderr must be set: ask for what is wanted")


async def execute(runtime: Runtime, container: Container, words: Sequence[str], wanted: Wanted) -> ExecutedGuest:
    """Returns when it runs. Raises CommandFailed, WrongState, SandboxError, ImageStoreError."""
    sandbox = runtime.sandbox(container.record.sandbox_id)
    command = await find_command(runtime, sandbox, container, words)
    _check_profile(container, command)
    process = running_process(sandbox)
    shim = await socket_shim(runtime, 0, command.asks_host, process.version) if command.needs_shim else []
    streams = stream_ends.of_process(wanted.stdin, wanted.stdout, wanted.stderr, wanted.tty)
    return await process.streams.execute(_guest(container, command, shim, wanted.tty), streams)


def _check_profile(container: Container, command: ExecCommand) -> None:
    """A command may do more with sockets than the container's own program, for which its seccomp profile was checked.
    Raises CommandNotExecutable."""
    guest = container.guest
    uses = (command.opens_sockets, command.calls_http, False, command.asks_host, guest.changes_modes)
    policy = policy_of(guest.network, *uses)
    if policy is NO_SOCKETS:
        return
    try:
        check_seccomp(container.config, policy)
    except InvalidRequest as error:
        raise CommandNotExecutable(f'exec: "{command.argv[0]}": permission denied: {error}') from error


def _guest(container: Container, command: ExecCommand, shim: list[str], tty: bool) -> GuestSpec:
    """What the container's own guest is, but for its program, its arguments and its listening sockets. The mounts are
    there."""
    variables = [item for item in container.guest.env if not item.startswith(_OF_LISTENERS)]
    if tty and not any(item.startswith("TERM=") for item in variables):
        variables.append(_TERMINAL)
    return container.guest._replace(
        argv=command.argv,
        env=variables,
        program=command.program,
        mounts=[],
        listen=[],
        socket_shim=shim,
        opens_sockets=command.opens_sockets,
        calls_http=command.calls_http,
        http={},
        http_components=[],
        asks_host=command.asks_host,
        container_name=container.config.metadata.name,
        tty=tty,
    )


async def execute_for_client(
    runtime: Runtime, container: Container, words: Sequence[str], wanted: Wanted
) -> StreamedProcess:
    """For a client that sees what the command writes and how it exits: as of a shell, so of what cannot be executed."""
    try:
        return await execute(runtime, container, words, wanted)
    except CommandFailed as error:
        return _Refused(str(error), error.exit_code, wanted)


class _Refused:
    """A command that says why it is none, and exits with 127 or 126."""

    def __init__(self, text: str, exit_code: int, wanted: Wanted) -> None:
        streams = stream_ends.of_process(wanted.stdin, wanted.stdout, wanted.stderr, tty=False)
        output = streams.theirs.get("stderr", streams.theirs.get("stdout"))
        if output is not None:
            os.set_blocking(output, False)
            os.write(output, text.encode("utf-8", "replace") + (b"\r\n" if wanted.tty else b"\n"))
        streams.close_theirs()
        self.ends: Ends = streams.ends
        self._exit_code = exit_code

    async def wait(self) -> int:
        return self._exit_code

    def resize(self, width: int, height: int) -> None:
        """It has no terminal."""

    async def end(self) -> None:
        """It is over."""


async def attach(runtime: Runtime, sandbox: Sandbox, container: Container, wanted: Wanted) -> AttachedGuest:
    """Raises WrongState, SandboxError."""
    streams = stream_ends.of_process(wanted.stdin, wanted.stdout, wanted.stderr, tty=False)
    return await running_process(sandbox).streams.attach(container.id, streams)
