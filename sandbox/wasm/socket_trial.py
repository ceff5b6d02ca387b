"""The trial of what ``socket_grant`` does: a process of its own, which is thrown away.

Where wasmtime keeps the flags for TCP and UDP is not known, it is tried. The call for names shows its own flag, the one
byte of the context that changes with it. The others lie close: each byte around it that is 0 is set, each in a child
process, where a component then asks for sockets. A place counts when that protocol alone is granted by it and by no
other byte. Nothing counts unless neither is granted without being asked for, and each access grants what it says.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from sandbox import network_access
from sandbox.errors import SandboxError
from sandbox.wasm import socket_grant
from sandbox.wasm.engine import Engine
from sandbox.wasm.library import Library, Vector
from sandbox.wasm.socket_grant import BY_CALLS, REFUSED, FlagPlaces

_PROBE = Path(__file__).with_name("socket_probe.wat")
_AROUND = 4
"""Bytes to each side."""
_NOTHING, _TCP, _UDP = 0, 1, 2
"""What the probe answers, as bits."""
_FAILED = 255
_VALUE = 8
"""Offset of the number in a ``wasmtime_component_val_t``."""
_REMEDY = "install the version of wasmtime that wasmlet names"
_Room = ctypes.c_uint64 * 8

Change = Callable[[int], None]
"""Of the context at an address."""


def main() -> None:
    """``sys.argv[1]``: path of wasmtime's library. Writes the places, or why there are none."""
    try:
        answer = find(Engine(sys.argv[1])).encoded()
    except SandboxError as error:
        answer = f"{REFUSED}{error}"
    os.write(1, answer.encode())


def find(engine: Engine) -> FlagPlaces:
    """Raises SandboxError."""
    trial = Trial(engine)
    if trial.granted(lambda config: None) != _NOTHING:
        raise SandboxError(f"wasmtime grants sockets without being asked, and a pod could not refuse them: {_REMEDY}")
    places = BY_CALLS if socket_grant.has_calls(engine.library) else _found(engine.library, trial)
    _prove(engine.library, trial, places)
    return places


def _found(library: Library, trial: "Trial") -> FlagPlaces:
    names, free = _names_and_free(library)
    granted = {place: trial.granted(lambda config, place=place: _set(config, place)) for place in free}  # type: ignore[misc]
    return FlagPlaces(names, _only(granted, _UDP, "UDP"), _only(granted, _TCP, "TCP"))


def _names_and_free(library: Library) -> tuple[int, list[int]]:
    """Offsets of the flag for names, and of the bytes around it that are 0."""
    config = library.wasi_config_new()
    size = library.malloc_usable_size(config)
    before = ctypes.string_at(config, size)
    library.wasi_config_allow_ip_name_lookup(config, True)
    after = ctypes.string_at(config, size)
    changed = [place for place in range(size) if before[place] != after[place]]
    if len(changed) != 1 or (before[changed[0]], after[changed[0]]) != (0, 1):
        raise SandboxError(f"this release of wasmtime does not keep what it allows a guest as a flag: {_REMEDY}")
    around = range(max(0, changed[0] - _AROUND), min(size, changed[0] + _AROUND + 1))
    return changed[0], [place for place in around if not after[place]]


def _set(config: int, place: int) -> None:
    ctypes.c_uint8.from_address(config + place).value = 1


def _only(granted: dict[int, int], wanted: int, name: str) -> int:
    places = [place for place, protocols in granted.items() if protocols == wanted]
    if len(places) != 1:
        raise SandboxError(
            f"the flag by which this release of wasmtime allows {name} is not found ({len(places)} places): {_REMEDY}"
        )
    return places[0]


def _prove(library: Library, trial: "Trial", places: FlagPlaces) -> None:
    for access in network_access.ALL:
        tcp = _TCP if access != network_access.NONE else 0
        udp = _UDP if network_access.sends_datagrams(access) else 0
        granted = trial.granted(lambda config, access=access: socket_grant.grant(library, config, places, access))  # type: ignore[misc]
        if granted != tcp | udp:
            raise SandboxError(f"wasmtime does not grant the sockets of network access {access!r} as told: {_REMEDY}")


class Trial:
    """Compiles the probe; runs it in children only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._library = engine.library
        self._library.bind_compiler()
        self._component = self._compiled()

    def granted(self, change: Change) -> int:
        """The protocols that a component is granted where ``change`` is made to its context."""
        pid = os.fork()
        if pid == 0:
            self._end(change)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _end(self, change: Change) -> NoReturn:
        status = _FAILED
        try:
            status = self._answer(change)
        finally:
            os._exit(status)

    def _answer(self, change: Change) -> int:
        library, room = self._library, _Room()
        instance, function, result = (ctypes.addressof(room) + offset for offset in (0, 16, 32))
        store = library.wasmtime_store_new(self._engine.pointer, None, None)
        context = library.wasmtime_store_context(store)
        config = library.wasi_config_new()
        change(config)
        _check(library, library.wasmtime_context_set_wasi(context, config))
        linker = self._engine.component_linker
        _check(library, library.wasmtime_component_linker_instantiate(linker, context, self._component, instance))
        index = library.wasmtime_component_instance_get_export_index(instance, context, None, b"probe", 5)
        library.wasmtime_component_instance_get_func(instance, context, index, function)
        _check(library, library.wasmtime_component_func_call(function, context, None, 0, result, 1))
        return int(ctypes.c_uint32.from_address(result + _VALUE).value)

    def _compiled(self) -> Any:
        library, text, wasm, component = self._library, _PROBE.read_bytes(), Vector(), ctypes.c_void_p()
        _check(library, library.wasmtime_wat2wasm(text, len(text), ctypes.addressof(wasm)))
        made = library.wasmtime_component_new(
            self._engine.pointer, wasm.content(), wasm.size, ctypes.addressof(component)
        )
        _check(library, made)
        return component


def _check(library: Library, error: Any) -> None:
    if error:
        raise SandboxError(f"wasmtime does not run the component that asks for sockets ({library.error_text(error)})")
