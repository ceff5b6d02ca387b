"""The shim of guests of WASI preview 1, as compiled code, and how a guest is linked with it.

Made in the pod process when the first such guest is started; the linking is done in the guest's own.
"""

import ctypes
from typing import Any

from sandbox.errors import StartFailure
from sandbox.wasm.library import Library
from sandbox.wasm.preview1_shim import HOST_MODULE, SPARE_MEMORY
from sandbox.wasm.preview1_sockets import Sockets
from sandbox.wasm.trap_text import reason_first

_WASI, _MEMORY, _HOST = b"wasi_snapshot_preview1", b"memory", HOST_MODULE.encode()
_SPARE = SPARE_MEMORY.encode()
_FRONT, _BACK, _EXTERN, _TRAP = 0, 16, 32, 72
"""Offsets in the room where the C functions put what they give back."""
_PAYLOAD = 8
_KIND_OF_MEMORY = 3
_Room = ctypes.c_uint64 * 12


class SocketShim:
    """``modules``: front and back, each a ``wasmtime_module_t``; ``linker``: this shim's own, with the native WASI."""

    def __init__(self, library: Library, engine: Any, modules: tuple[Any, Any], linker: Any) -> None:
        self._library = library
        self._front, self._back = modules
        self._back_linker = linker
        self._front_linker = library.wasmtime_linker_new(engine)
        self._guest_linker = library.wasmtime_linker_new(engine)
        self.sockets = Sockets(library)
        self._check(self.sockets.define(linker, _HOST))
        self._check(self.sockets.define_host(self._guest_linker))
        self._keep = _Room()
        self._room = ctypes.addressof(self._keep)

    def instantiate(
        self, context: Any, module: Any, instance: int, listeners: list[int], questions: int, access: str
    ) -> None:
        """``instance``: address for the guest's ``wasmtime_instance_t``; the rest: see ``Sockets.attach``. Raises
        StartFailure."""
        front, memory = self._room + _FRONT, self._room + _EXTERN
        self._make(self._front_linker, context, self._front, front)
        self._define_instance(self._guest_linker, context, _WASI, front)
        self._make(self._guest_linker, context, module, instance)
        found = self._library.wasmtime_instance_export_get(context, instance, _MEMORY, len(_MEMORY), memory)
        if not found or ctypes.c_uint8.from_address(memory).value != _KIND_OF_MEMORY:
            # As without the shim: a call that needs one finds none.
            self._library.wasmtime_instance_export_get(context, front, _SPARE, len(_SPARE), memory)
        names = (b"guest", 5, _MEMORY, len(_MEMORY))
        self._check(self._library.wasmtime_linker_define(self._back_linker, context, *names, memory))
        self._define_instance(self._back_linker, context, b"front", front)
        self._make(self._back_linker, context, self._back, self._room + _BACK)
        self.sockets.attach(context, memory + _PAYLOAD, listeners, questions, access)

    def _define_instance(self, linker: Any, context: Any, name: bytes, instance: int) -> None:
        self._check(self._library.wasmtime_linker_define_instance(linker, context, name, len(name), instance))

    def _make(self, linker: Any, context: Any, module: Any, instance: int) -> None:
        self._check(self._library.wasmtime_linker_instantiate(linker, context, module, instance, self._room + _TRAP))
        if trap := ctypes.c_void_p.from_address(self._room + _TRAP).value:
            reason = reason_first(self._library.trap_text(trap))
            raise StartFailure(
                f"the module trapped before its entry was called, where no socket can be used yet: {reason}"
            )

    def _check(self, error: Any) -> None:
        if error:
            reason = reason_first(self._library.error_text(error))
            raise StartFailure(f"the guest cannot be linked with its sockets: {reason}")
