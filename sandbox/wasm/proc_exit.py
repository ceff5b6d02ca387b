"""``proc_exit`` of WASI preview 1, for every status that a guest may give.

wasmtime's own takes the statuses 0 to 125 and makes a trap of any other. A container's exit code goes up to 255.
"""

import ctypes
from typing import Any

from sandbox.wasm.library import HostFunction, Library, Vector

_MODULE = b"wasi_snapshot_preview1"
_NAME = b"proc_exit"
_I32 = 0
_PAYLOAD = 8
"""Where a ``wasmtime_val_t`` has its number."""
_UNWIND = b"the guest called proc_exit"


class ProcExit:
    """``status``: what the guest of this process gave, or None as long as it has not called."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._function = HostFunction(self._call)
        self.code = int(ctypes.cast(self._function, ctypes.c_void_p).value or 0)
        """Address of the few instructions that ctypes made for it, in memory that it can write to."""
        self.status: int | None = None

    def define(self, linker: Any) -> Any:
        """Take the place of the one that ``linker`` has. An error of wasmtime's, or None."""
        library = self._library
        library.wasmtime_linker_allow_shadowing(linker, True)
        names = (_MODULE, len(_MODULE), _NAME, len(_NAME))
        return library.wasmtime_linker_define_func(linker, *names, self._type(), self._function, None, None)

    def _type(self) -> Any:
        """Of a function with one number and no result."""
        library, parameters, results = self._library, Vector(), Vector()
        number = ctypes.c_void_p(library.wasm_valtype_new(_I32))
        library.wasm_valtype_vec_new(ctypes.addressof(parameters), 1, ctypes.addressof(number))
        library.wasm_valtype_vec_new_empty(ctypes.addressof(results))
        return library.wasm_functype_new(ctypes.addressof(parameters), ctypes.addressof(results))

    def _call(self, environment: Any, caller: Any, arguments: int, *sizes_and_results: Any) -> Any:
        """A trap is the way out of a guest."""
        self.status = ctypes.c_uint8.from_address(arguments + _PAYLOAD).value
        return self._library.wasmtime_trap_new(_UNWIND, len(_UNWIND))
