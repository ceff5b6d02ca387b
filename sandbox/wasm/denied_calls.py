"""``wasi:http/outgoing-handler`` for a guest whose pod may not call out: each call is answered with the error code that
the interface has for it, and a program can tell that from a server that is not there."""

import ctypes
from typing import Any

from sandbox.wasm.library import ComponentHostFunction, Library

_INTERFACE = b"wasi:http/outgoing-handler@0.2.12"
"""The version that wasmtime defines; it stands for any 0.2.x."""
_NAME = b"handle"
_DENIED = b"HTTP-request-denied"

# Of a wasmtime_component_val_t: the kinds, and the places of what a variant and a result hold.
_VARIANT, _RESULT = 16, 19
_VARIANT_CASE, _VARIANT_PAYLOAD = 8, 24
_RESULT_IS_OK, _RESULT_PAYLOAD = 8, 16
_Value = ctypes.c_uint64 * 4


class DeniedCalls:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._function = ComponentHostFunction(self._call)
        self.code = int(ctypes.cast(self._function, ctypes.c_void_p).value or 0)
        """Address of the few instructions that ctypes made for it, in memory that it can write to."""

    def define(self, linker: Any) -> Any:
        """Take the place of the one that ``linker`` has. An error of wasmtime's, or None."""
        library, interface = self._library, ctypes.c_void_p()
        library.wasmtime_component_linker_allow_shadowing(linker, True)
        root = library.wasmtime_component_linker_root(linker)
        names = (_INTERFACE, len(_INTERFACE))
        error = library.wasmtime_component_linker_instance_add_instance(root, *names, ctypes.addressof(interface))
        if not error:
            define = library.wasmtime_component_linker_instance_add_func
            error = define(interface, _NAME, len(_NAME), self._function, None, None)
            library.wasmtime_component_linker_instance_delete(interface)
        library.wasmtime_component_linker_instance_delete(root)
        return error

    def _call(
        self, environment: Any, context: Any, kind: Any, arguments: Any, count: Any, results: int, *_: Any
    ) -> Any:
        library, error = self._library, _Value()
        address = ctypes.addressof(error)
        ctypes.c_uint8.from_address(address).value = _VARIANT
        library.wasm_byte_vec_new(address + _VARIANT_CASE, len(_DENIED), _DENIED)
        ctypes.c_uint64.from_address(address + _VARIANT_PAYLOAD).value = 0
        ctypes.c_uint8.from_address(results).value = _RESULT
        ctypes.c_uint64.from_address(results + _RESULT_IS_OK).value = False
        ctypes.c_void_p.from_address(results + _RESULT_PAYLOAD).value = library.wasmtime_component_val_new(address)
