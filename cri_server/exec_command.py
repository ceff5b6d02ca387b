"""What a command that is executed in a container names, as a shell in it would find it:

1. a WebAssembly file of the container, by its path or on the container's PATH, or a script whose ``#!`` names one
2. the container's own program by its own name, where that is no file
3. a command of the toolbox, by its name or its usual path (/bin, /usr/bin, …)
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from cri_server import container_process
from cri_server.container_program import program_spec
from cri_server.container_store import Container
from cri_server.errors import CommandNotExecutable, CommandNotFound
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from cri_server.socket_shim import needs_shim
from image_store.errors import ImageStoreError, ModuleInvalid
from image_store.image import Program
from image_store.wasm_kind import kind_of, other_kind
from sandbox import guest_files
from sandbox.guest_files import Denied, GuestFile
from sandbox.mount_places import apart
from sandbox.specs import ProgramSpec

TOOLBOX_ANNOTATION = "wasmlet.dev/toolbox"
_FOLDERS_OF_COMMANDS = container_process.DEFAULT_PATH.split(":")
_SCRIPT = b"#!"


class ExecCommand(NamedTuple):
    argv: list[str]
    program: ProgramSpec
    asks_host: bool
    opens_sockets: bool
    calls_http: bool
    needs_shim: bool


def _command(container: Container, argv: list[str], program: Program) -> ExecCommand:
    context = container.config.linux.security_context
    shim = needs_shim(program, 0, context)
    uses = (program.asks_host, program.opens_sockets, program.calls_http)
    return ExecCommand(argv, program_spec(program), *uses, shim)


async def find_command(runtime: Runtime, sandbox: Sandbox, container: Container, words: Sequence[str]) -> ExecCommand:
    """What it names is compiled then. Raises CommandFailed, GuestGone, SandboxError, ImageStoreError."""
    file = await _open(container, words[0])
    if file is None:
        return await _without_file(runtime, sandbox, container, words)
    try:
        if file.head.startswith(_SCRIPT):
            return await _of_script(runtime, sandbox, container, words, file)
        return _command(container, [*words], await _of_file(runtime, container, words[0], file))
    finally:
        guest_files.close(file)


async def _open(container: Container, name: str) -> GuestFile | None:
    paths = list(_candidates(container, name))
    find = partial(guest_files.open_first, container.run.pid, container.guest, paths, searches="/" not in name)
    try:
        return await apart(find, guest_files.close)
    except Denied as error:
        raise CommandNotExecutable(f'exec: "{name}": permission denied: {error}') from error


def _candidates(container: Container, name: str) -> Iterator[str]:
    """As the container's own command is looked for in its image."""
    if name.startswith("/"):
        yield name
        return
    if "/" not in name:
        folders = _variables(container).get("PATH", container_process.DEFAULT_PATH).split(":")
        yield from (os.path.join(folder, name) for folder in folders if folder.startswith("/"))
    yield os.path.join(container.guest.working_dir, name)
    yield f"/{name}"


def _variables(container: Container) -> dict[str, str]:
    return dict(item.partition("=")[::2] for item in container.guest.env)


async def _of_file(runtime: Runtime, container: Container, name: str, file: GuestFile) -> Program:
    """A file need not be marked as executable: those that hold WebAssembly seldom are."""
    if kind_of(file.head) is None:
        if not file.is_program:
            raise CommandNotExecutable(f'exec: "{name}": permission denied: {file.path} is no program')
        raise CommandNotExecutable(
            f'exec: "{name}": exec format error: not a WebAssembly module: {file.path} is {other_kind(file.head)}'
        )
    subject = f"{file.path} of container {container.config.metadata.name}"
    try:
        program = await runtime.images.loose_program(file.descriptor, subject, container.id)
    except ModuleInvalid as error:
        raise CommandNotExecutable(f'exec: "{name}": exec format error: {error}') from error
    _check(program, name)
    return program


def _check(program: Program, name: str) -> None:
    if program.unmet_imports:
        missing = ", ".join(program.unmet_imports)
        raise CommandNotExecutable(f'exec: "{name}": {program.name} imports {missing}, which nothing here provides')
    if not program.has_command_entry:
        raise CommandNotExecutable(f'exec: "{name}": {program.name} has no entry {program.entry}: it is no command')


async def _of_script(
    runtime: Runtime, sandbox: Sandbox, container: Container, words: Sequence[str], script: GuestFile
) -> ExecCommand:
    """As the kernel does it: one argument at most, and the interpreter is no script itself."""
    line = script.head[len(_SCRIPT) :].split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    if not line:
        raise CommandNotExecutable(f'exec: "{words[0]}": permission denied: {script.path} is no program')
    interpreter, *argument = line.split(None, 1)
    argv = [interpreter, *argument, script.path, *words[1:]]
    file = await _open(container, interpreter)
    if file is None:
        return await _without_file(runtime, sandbox, container, argv)
    try:
        return _command(container, argv, await _of_file(runtime, container, interpreter, file))
    finally:
        guest_files.close(file)


async def _without_file(runtime: Runtime, sandbox: Sandbox, container: Container, words: Sequence[str]) -> ExecCommand:
    name = words[0]
    if name in _own_names(container):
        own = container.guest
        uses = (own.asks_host, own.opens_sockets, own.calls_http)
        return ExecCommand([*words], own.program, *uses, bool(own.socket_shim))
    command = _command_name(name)
    if not command or _refuses_toolbox(sandbox):
        raise _not_found(runtime, sandbox, name)
    try:
        program = await runtime.toolbox.program(command)
    except ImageStoreError as error:
        raise CommandNotExecutable(f'exec: "{name}": the toolbox cannot be used: {error}') from error
    if program is None:
        raise _not_found(runtime, sandbox, name)
    return _command(container, [*words], program)


def _own_names(container: Container) -> tuple[str, ...]:
    """Of a program that is no file of its container, as that of an artifact."""
    return () if container.guest.lower else (container.guest.argv[0], container.record.program["name"])


def _command_name(name: str) -> str:
    """Empty for a path that is no usual one of commands."""
    folder, _, command = name.rpartition("/")
    return command if not folder or folder in _FOLDERS_OF_COMMANDS else ""


def _refuses_toolbox(sandbox: Sandbox) -> bool:
    return sandbox.config.annotations.get(TOOLBOX_ANNOTATION) == "false"


def _not_found(runtime: Runtime, sandbox: Sandbox, name: str) -> CommandNotFound:
    what = "no such file or directory" if "/" in name else "executable file not found in $PATH"
    return CommandNotFound(f'exec: "{name}": {what}; {_what_there_is(runtime, sandbox)}')


def _what_there_is(runtime: Runtime, sandbox: Sandbox) -> str:
    if _refuses_toolbox(sandbox):
        return f"the container has none, and its pod refuses the toolbox ({TOOLBOX_ANNOTATION})"
    if runtime.toolbox.is_off:
        return "the container has none, and the toolbox is switched off (exec.toolbox)"
    names = runtime.toolbox.names
    if names:
        return f"the container has none, and the toolbox has {' '.join(names)}"
    return "neither the container nor the toolbox has it"
