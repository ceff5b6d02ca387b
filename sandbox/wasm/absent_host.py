"""The functions of wasmlet's own for modules whose guest has nobody to answer: each says that there is no such thing.

Compiled code is linked before its guests are known. Those that do ask are linked anew, with their shim.
"""

import ctypes
from typing import Any

from image_store import host_interface
from sandbox.wasm.library import Library, RawHostFunction

_NOSYS = 52


class AbsentHost:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._callback = RawHostFunction(self._call)
        self.code = int(ctypes.cast(self._callback, ctypes.c_void_p).value or 0)
        """Address of the few instructions that ctypes made for it, in memory that it can write to."""

    def define(self, linker: Any) -> Any:
        """An error of wasmtime's, or None."""
        library, module = self._library, host_interface.MODULE.encode()
        for name, count in host_interface.PARAMETERS.items():
            names = (module, len(module), name.encode(), len(name))
            kind = library.function_type(count, 0)
            if error := library.wasmtime_linker_define_func_unchecked(linker, *names, kind, self._callback, None, None):
                return error
        return None

    def _call(self, environment: Any, caller: Any, slots: int, count: int) -> None:
        ctypes.c_uint32.from_address(slots).value = _NOSYS
