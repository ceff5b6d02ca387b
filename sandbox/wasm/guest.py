"""One instance in its guest process: made after the fork, run once, never taken down but by the process's end."""

import ctypes
from typing import Any, NamedTuple

from sandbox.errors import StartFailure
from sandbox.wasm.engine import Loaded
from sandbox.wasm.library import Library

TRAPPED = 134
"""As a process that was aborted."""

_UNLIMITED = -1
_RUN_INTERFACE = b"wasi:cli/run@0.2.0"
"""Any 0.2.x of it."""


# A ctypes array of another length is another type. One that is made after the fork costs pages: these are ready.
_MOST_WORDS = 64
_Words = ctypes.c_char_p * _MOST_WORDS
_Slot = ctypes.c_char * 64
"""Room for any value that the API fills in: an instance, an export, a result."""


class WasiSetup(NamedTuple):
    argv: list[bytes]
    env: list[tuple[bytes, bytes]]
    preopens: list[tuple[str, str, bool]]
    """Path of the host, path for the guest, whether it may write."""
    memory_limit: int
    """Bytes of linear memory; 0: no limit."""


class Outcome(NamedTuple):
    exit_code: int
    message: str
    """Why, when it trapped: wasmtime's reason with the wasm backtrace."""


class Instance(NamedTuple):
    library: Library
    context: Any
    function: Any
    """Address of the entry's ``wasmtime_func_t`` or ``wasmtime_component_func_t``."""
    is_component: bool
    keep: tuple[Any, ...]
    """The memory behind the addresses."""


def instantiate(loaded: Loaded, setup: WasiSetup) -> Instance:
    """The instance, ready to run its first instruction. Raises StartFailure."""
    library = loaded.engine.library
    store = library.wasmtime_store_new(loaded.engine.pointer, None, None)
    if setup.memory_limit:
        library.wasmtime_store_limiter(store, setup.memory_limit, *(_UNLIMITED,) * 4)
    context = library.wasmtime_store_context(store)
    _check(library, library.wasmtime_context_set_wasi(context, _wasi_config(library, setup)))
    return (_component if loaded.kind == "component" else _module)(loaded, context)


def run(instance: Instance) -> Outcome:
    """Run the instance to its end, on descriptors 0, 1 and 2."""
    return _run_component(instance) if instance.is_component else _run_module(instance)


def _wasi_config(library: Library, setup: WasiSetup) -> Any:
    config = library.wasi_config_new()
    names = _strings([name for name, _ in setup.env])
    values = _strings([value for _, value in setup.env])
    if not library.wasi_config_set_argv(config, len(setup.argv), _strings(setup.argv)):
        raise StartFailure("the arguments are not UTF-8: WASI has no other strings; give others")
    if not library.wasi_config_set_env(config, len(setup.env), names, values):
        raise StartFailure("an environment variable is not UTF-8: WASI has no other strings; give another value")
    library.wasi_config_inherit_stdin(config)
    library.wasi_config_inherit_stdout(config)
    library.wasi_config_inherit_stderr(config)
    for host, guest, writable in setup.preopens:
        if not library.wasi_config_preopen_dir(config, host.encode(), guest.encode(), writable):
            raise StartFailure(f"directory {guest!r} cannot be opened by the container's user: let the user enter it")
    return config


def _strings(items: list[bytes]) -> Any:
    ready = _Words if len(items) <= _MOST_WORDS else ctypes.c_char_p * len(items)
    return ready(*items)


def _module(loaded: Loaded, context: Any) -> Instance:
    library = loaded.engine.library
    instance, trap, export = _Slot(), ctypes.c_void_p(), _Slot()
    error = library.wasmtime_instance_pre_instantiate(
        loaded.prepared, context, ctypes.addressof(instance), ctypes.addressof(trap)
    )
    _check(library, error)
    if trap:
        raise StartFailure(f"the module trapped while it was instantiated: {library.trap_text(trap)}")
    entry = loaded.entry
    found = library.wasmtime_instance_export_get(
        context, ctypes.addressof(instance), entry, len(entry), ctypes.addressof(export)
    )
    if not found or export.raw[0]:
        raise StartFailure(f"the module exports no function {entry.decode()!r}: it is no command; name another entry")
    return Instance(library, context, ctypes.addressof(export) + 8, False, (instance, export))


def _run_module(instance: Instance) -> Outcome:
    library, trap = instance.library, ctypes.c_void_p()
    error = library.wasmtime_func_call(instance.context, instance.function, None, 0, None, 0, ctypes.addressof(trap))
    if trap:
        return Outcome(TRAPPED, library.trap_text(trap))
    return _ended(library, error) if error else Outcome(0, "")


def _component(loaded: Loaded, context: Any) -> Instance:
    library = loaded.engine.library
    instance, function = _Slot(), _Slot()
    at = ctypes.addressof(instance)
    _check(
        library,
        library.wasmtime_component_linker_instantiate(loaded.engine.component_linker, context, loaded.prepared, at),
    )
    interface = library.wasmtime_component_instance_get_export_index(
        at, context, None, _RUN_INTERFACE, len(_RUN_INTERFACE)
    )
    entry = interface and library.wasmtime_component_instance_get_export_index(at, context, interface, b"run", 3)
    if not entry:
        raise StartFailure("the component does not export wasi:cli/run@0.2: it is no command; run another one")
    library.wasmtime_component_instance_get_func(at, context, entry, ctypes.addressof(function))
    return Instance(library, context, ctypes.addressof(function), True, (instance, function))


def _run_component(instance: Instance) -> Outcome:
    library, result = instance.library, _Slot()
    address = ctypes.addressof(result)
    error = library.wasmtime_component_func_call(instance.function, instance.context, None, 0, address, 1)
    if error:
        return _ended(library, error)
    is_ok = result.raw[8]
    return Outcome(0 if is_ok else 1, "")


def _ended(library: Library, error: Any) -> Outcome:
    """An error is also how ``proc_exit`` comes out of a guest."""
    status = ctypes.c_int()
    if library.wasmtime_error_exit_status(error, ctypes.addressof(status)):
        return Outcome(status.value & 0xFF, "")
    return Outcome(TRAPPED, library.error_text(error))


def _check(library: Library, error: Any) -> None:
    if error:
        raise StartFailure(f"the guest cannot be instantiated: {library.error_text(error)}")
