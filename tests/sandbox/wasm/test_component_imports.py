"""What compiled components ask their host for."""

import ctypes

from sandbox.wasm.component_imports import imported
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.engine import Engine
from sandbox.zygote_link import library_path
from tests.guests.compiled import compiled_guest


def _imported(guest: str) -> set[str]:
    engine, code = Engine(str(library_path())), ctypes.c_void_p()
    path = str(compiled_guest(guest)[1]).encode()
    assert not engine.library.wasmtime_component_deserialize_file(engine.pointer, path, ctypes.addressof(code))
    return imported(ComponentLibrary(engine.library), engine.pointer, code)


def test_interfaces_are_named_without_their_versions() -> None:
    assert {"wasi:cli/environment", "wasi:cli/stdout", "wasi:io/streams"} < _imported("component")


def test_a_handler_of_requests_alone_asks_for_nothing_else() -> None:
    assert {name.partition("/")[0] for name in _imported("http_minimal")} == {"wasi:http", "wasi:io"}
