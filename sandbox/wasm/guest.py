"""One instance in its guest process: prepared before the fork, made after it, run once, ended with the process.

A WASI context is made after the fork, never before, not even to throw it away: the first one seeds the process's
generator of random numbers, and every process forked later would give its guest the same "random" bytes.

What Python allocates after the fork is memory that no other guest shares, so the strings and the places that the C
functions fill in are ready before it.
"""

import ctypes
import os
from typing import Any, NamedTuple

from sandbox import network_access
from sandbox.errors import StartFailure
from sandbox.wasm import memory_limit, socket_grant
from sandbox.wasm.engine import Loaded
from sandbox.wasm.http_client import ClientComponent
from sandbox.wasm.http_streams import StreamsComponents
from sandbox.wasm.library import Library
from sandbox.wasm.socket_shim import SocketShim
from sandbox.wasm.trap_text import reason_first

TRAPPED = 134
"""As a process that was aborted."""

_COMMAND = b"_start"
_INITIALIZE = b"_initialize"
_RUN_INTERFACE = b"wasi:cli/run@0.2.0"
"""Any 0.2.x of it."""
_MEMORY = b"memory"
"""WASI demands that a module exports it by this name."""
_FUNCTION, _LINEAR_MEMORY = 0, 3
_PAYLOAD = 8
"""Where a ``wasmtime_extern_t`` has its function and a ``wasmtime_component_val_t`` its value."""

_INSTANCE, _INITIALIZER, _ENTRY, _TRAP, _STATUS, _RESULT = 0, 16, 48, 80, 88, 96
"""Offsets in the room where the C functions put what they give back."""
# An array of another length is another type, and making one costs pages.
_Room = ctypes.c_uint64 * 20
_FEW = 64
_FewWords = ctypes.c_char_p * _FEW


class WasiSetup(NamedTuple):
    argv: list[bytes]
    env: list[tuple[bytes, bytes]]
    preopens: list[tuple[str, str, bool]]
    """Path of the host, path for the guest, whether it may write."""
    memory_limit: int
    """Bytes that each linear memory may grow to; 0: no limit. What it begins with counts when it is touched."""
    socket_shim: SocketShim | None = None
    """Of a module, if it has one; with listening sockets it has."""
    network: str = network_access.NONE
    """What a component may do with sockets of its own, one of ``network_access.ALL``."""
    denies_calls: bool = False
    """Of a component that makes HTTP calls from a pod that may not."""
    host_network: str = network_access.NONE
    """What a module may do with sockets that it asks the host for."""


class Outcome(NamedTuple):
    exit_code: int
    message: str
    """Why, when it trapped: wasmtime's reason, then the wasm backtrace."""


class _Strings(NamedTuple):
    """An array of C strings."""

    length: int
    array: Any


class HttpPrepared(NamedTuple):
    """What a component that is given requests needs besides."""

    streams: StreamsComponents
    client: ClientComponent
    memory_limit: ctypes.c_uint64
    """As ``WasiSetup`` has it, at a place where it can be changed."""
    network: str
    """What its calls may do, one of ``network_access.ALL``."""


class Prepared(NamedTuple):
    """All of a guest but its instance."""

    loaded: Loaded
    words: _Strings
    names: _Strings
    values: _Strings
    preopens: list[tuple[bytes, bytes, bool]]
    memory_limit: int
    room: int
    """Address of the place for what the C functions give back."""
    keep: Any
    """That place."""
    socket_shim: SocketShim | None
    network: str
    linked: Any
    """As ``Loaded.linked``, unless the pod may not do all that this links."""
    host_network: str
    http: HttpPrepared | None = None
    environment: int = -1
    """Descriptor of what is read after the fork (see ``guest_process.with_environment``)."""


class Instance(NamedTuple):
    prepared: Prepared
    context: Any
    functions: tuple[int, ...]
    """Addresses of what to call, one after the other."""


def prepare(loaded: Loaded, setup: WasiSetup) -> Prepared:
    """Before the fork; makes no context and no instance. Raises StartFailure for strings that WASI cannot carry."""
    _check_arguments(setup.argv)
    room = _Room()
    prepared = Prepared(
        loaded=loaded,
        words=_strings(_FewWords(), setup.argv),
        names=_Strings(0, _FewWords()),
        values=_Strings(0, _FewWords()),
        preopens=[(os.fsencode(host), os.fsencode(path), writable) for host, path, writable in setup.preopens],
        memory_limit=setup.memory_limit,
        room=ctypes.addressof(room),
        keep=room,
        socket_shim=setup.socket_shim,
        network=setup.network,
        linked=loaded.engine.denying_linker if setup.denies_calls else loaded.linked,
        host_network=setup.host_network,
    )
    return with_environment(prepared, setup.env)


def with_arguments(prepared: Prepared, argv: list[bytes], memory_limit: int) -> Prepared:
    """Of one that was prepared without, as it waited for them. Raises as ``prepare``."""
    _check_arguments(argv)
    return prepared._replace(words=_strings(prepared.words.array, argv), memory_limit=memory_limit)


def with_environment(prepared: Prepared, variables: list[tuple[bytes, bytes]]) -> Prepared:
    """Before the fork or after it. Raises as ``prepare``."""
    for name, value in variables:
        _check_string(value, f"environment variable {name.decode(errors='replace')}")
        _check_string(name, "name of an environment variable")
    return prepared._replace(
        names=_strings(prepared.names.array, [name for name, _ in variables]),
        values=_strings(prepared.values.array, [value for _, value in variables]),
    )


def instantiate(prepared: Prepared, listeners: list[int] | None = None, questions: int = -1) -> Instance:
    """After the fork: the instance, ready to run its first instruction. Raises StartFailure.

    ``listeners``: descriptors of the listening sockets for a module with a shim; ``questions``: of the socket by which
    it asks the pod process.
    """
    loaded = prepared.loaded
    library = loaded.engine.library
    context = library.wasmtime_store_context(loaded.store)
    _give_wasi(prepared, context)
    if loaded.kind == "component":
        library.wasmtime_context_set_wasi_http(context)
        functions = _instantiate_component(prepared, context)
    else:
        functions = _instantiate_module(prepared, context, listeners or [], questions)
    _limit_memory(prepared)
    return Instance(prepared, context, functions)


def instantiate_ahead(prepared: Prepared, questions: int) -> Instance | None:
    """After the fork, of one whose arguments are not known yet; None of one whose start section could ask for them: a
    module with a shim has none. ``complete`` has to follow. Raises StartFailure."""
    if prepared.socket_shim is None:
        return None
    context = prepared.loaded.engine.library.wasmtime_store_context(prepared.loaded.store)
    return Instance(prepared, context, _instantiate_module(prepared, context, [], questions))


def complete(ahead: Instance, prepared: Prepared) -> Instance:
    """``prepared``: as it was instantiated from, with all that was missing. Raises StartFailure."""
    _give_wasi(prepared, ahead.context)
    _limit_memory(prepared)
    return ahead._replace(prepared=prepared)


def run(instance: Instance) -> Outcome:
    """Run the instance to its end, on descriptors 0, 1 and 2."""
    call = _call_component if instance.prepared.loaded.kind == "component" else _call_module
    for function in instance.functions:
        outcome = call(instance.prepared, instance.context, function)
        if outcome is not None:
            return outcome
    return Outcome(0, "")


def memory_size(instance: Instance) -> int:
    """Bytes that a module's memory has grown to, touched or not; 0 of a component, which shows nobody its memories."""
    prepared, context = instance.prepared, instance.context
    if prepared.loaded.kind == "component":
        return 0
    memory = _exported(prepared, context, _MEMORY, _INITIALIZER, _LINEAR_MEMORY)
    return int(prepared.loaded.engine.library.wasmtime_memory_data_size(context, memory)) if memory else 0


def _check_arguments(argv: list[bytes]) -> None:
    for word in argv:
        _check_string(word, "argument")


def _check_string(text: bytes, subject: str) -> None:
    """What it is stays untold: it may be a secret, and errors are for all to see."""
    try:
        text.decode()
    except UnicodeDecodeError:
        raise StartFailure(f"{subject} is not UTF-8, and WASI has no other strings: change it") from None
    if b"\0" in text:
        raise StartFailure(f"{subject} has a NUL byte, which ends a string: change it")


def _strings(few: Any, items: list[bytes]) -> _Strings:
    """``few``: the array that they are put into if it is long enough."""
    array = few if len(items) <= _FEW else (ctypes.c_char_p * len(items))()
    for place, item in enumerate(items):
        array[place] = item
    return _Strings(len(items), array)


def _give_wasi(prepared: Prepared, context: Any) -> None:
    library = prepared.loaded.engine.library
    _check(prepared, library.wasmtime_context_set_wasi(context, _wasi_config(library, prepared)))


def _limit_memory(prepared: Prepared) -> None:
    loaded = prepared.loaded
    memory_limit.limit(loaded.engine.library, loaded.store, loaded.memory_limit, prepared.memory_limit)


def _wasi_config(library: Library, prepared: Prepared) -> Any:
    config = library.wasi_config_new()
    library.wasi_config_set_argv(config, prepared.words.length, prepared.words.array)
    library.wasi_config_set_env(config, prepared.names.length, prepared.names.array, prepared.values.array)
    library.wasi_config_inherit_stdin(config)
    library.wasi_config_inherit_stdout(config)
    library.wasi_config_inherit_stderr(config)
    preopen(library, config, prepared)
    socket_grant.grant(library, config, prepared.loaded.engine.socket_flags, prepared.network)
    return config


def preopen(library: Library, config: Any, prepared: Prepared) -> None:
    """Raises StartFailure."""
    for host, path, writable in prepared.preopens:
        if not library.wasi_config_preopen_dir(config, host, path, writable):
            raise StartFailure(
                f"directory {os.fsdecode(path)} cannot be opened: see that it is there, or let more files be open"
            )


def _instantiate_module(prepared: Prepared, context: Any, listeners: list[int], questions: int) -> tuple[int, ...]:
    loaded, room = prepared.loaded, prepared.room
    if prepared.socket_shim is not None:
        place, access = room + _INSTANCE, prepared.host_network
        prepared.socket_shim.instantiate(context, loaded.code, place, listeners, questions, access)
    else:
        instantiate_pre = loaded.engine.library.wasmtime_instance_pre_instantiate
        _check(prepared, instantiate_pre(prepared.linked, context, room + _INSTANCE, room + _TRAP))
    if reason := _trap(prepared):
        raise StartFailure(f"the module trapped before its entry was called: {reason}")
    entry = _exported(prepared, context, loaded.entry, _ENTRY)
    if not entry:
        raise StartFailure(f"the module exports no function {loaded.entry.decode()}: name another entry")
    if loaded.entry == _COMMAND:
        return (entry,)
    initializer = _exported(prepared, context, _INITIALIZE, _INITIALIZER)
    return (initializer, entry) if initializer else (entry,)


def _exported(prepared: Prepared, context: Any, name: bytes, offset: int, kind: int = _FUNCTION) -> int:
    """Address of what is exported by that name, 0 when there is none. ``offset``: of its place in the room."""
    library, export = prepared.loaded.engine.library, prepared.room + offset
    instance = prepared.room + _INSTANCE
    found = library.wasmtime_instance_export_get(context, instance, name, len(name), export)
    return export + _PAYLOAD if found and ctypes.c_uint8.from_address(export).value == kind else 0


def _trap(prepared: Prepared) -> str:
    """What the last call trapped with, empty when it did not."""
    trap = ctypes.c_void_p.from_address(prepared.room + _TRAP).value
    return reason_first(prepared.loaded.engine.library.trap_text(trap)) if trap else ""


def _call_module(prepared: Prepared, context: Any, function: int) -> Outcome | None:
    engine = prepared.loaded.engine
    error = engine.library.wasmtime_func_call(context, function, None, 0, None, 0, prepared.room + _TRAP)
    if engine.proc_exit.status is not None:
        return Outcome(engine.proc_exit.status, "")
    if reason := _trap(prepared):
        return Outcome(TRAPPED, reason)
    return _ended(prepared, error) if error else None


def _instantiate_component(prepared: Prepared, context: Any) -> tuple[int, ...]:
    loaded, room = prepared.loaded, prepared.room
    library, instance, entry = loaded.engine.library, room + _INSTANCE, room + _ENTRY
    _check(prepared, library.wasmtime_component_linker_instantiate(prepared.linked, context, loaded.code, instance))
    find = library.wasmtime_component_instance_get_export_index
    interface = find(instance, context, None, _RUN_INTERFACE, len(_RUN_INTERFACE))
    index = interface and find(instance, context, interface, b"run", 3)
    if not index:
        raise StartFailure("the component does not export wasi:cli/run@0.2: it is no command; run another one")
    library.wasmtime_component_instance_get_func(instance, context, index, entry)
    return (entry,)


def _call_component(prepared: Prepared, context: Any, function: int) -> Outcome | None:
    library, result = prepared.loaded.engine.library, prepared.room + _RESULT
    error = library.wasmtime_component_func_call(function, context, None, 0, result, 1)
    if error:
        return _ended(prepared, error)
    is_ok = ctypes.c_bool.from_address(result + _PAYLOAD).value
    return Outcome(0 if is_ok else 1, "")


def _ended(prepared: Prepared, error: Any) -> Outcome:
    """An error is also how ``wasi:cli/exit`` comes out of a guest."""
    library, status = prepared.loaded.engine.library, prepared.room + _STATUS
    if library.wasmtime_error_exit_status(error, status):
        return Outcome(ctypes.c_uint8.from_address(status).value, "")
    return Outcome(TRAPPED, reason_first(library.error_text(error)))


def _check(prepared: Prepared, error: Any) -> None:
    if not error:
        return
    reason = reason_first(prepared.loaded.engine.library.error_text(error))
    raise StartFailure(f"the guest cannot be instantiated: {reason}")
