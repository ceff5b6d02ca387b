"""The C functions of wasmtime by which a process serves components, beside those of ``sandbox.wasm.library``.

Several threads run guests there. What runs a guest gives the interpreter's lock away meanwhile (``CDLL``); what only
moves a value keeps it (``PyDLL``). A function that a guest calls takes the lock first (``CFUNCTYPE``).
"""

import ctypes
from typing import TYPE_CHECKING, Any

from sandbox.wasm.library import Library, Pointer, Size, Text, Vector

HostCall = ctypes.CFUNCTYPE(Pointer, Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size)
"""Data, context, type, arguments and their number, results and their number; returns an error or None."""
Destructor = ctypes.CFUNCTYPE(Pointer, Pointer, Pointer, ctypes.c_uint32)
"""Data, context, representation; returns an error or None."""

_KEEPING: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "wasmtime_component_type": (Pointer, (Pointer,)),
    "wasmtime_component_type_delete": (None, (Pointer,)),
    "wasmtime_component_type_import_count": (Size, (Pointer, Pointer)),
    "wasmtime_component_type_import_nth": (ctypes.c_bool, (Pointer, Pointer, Size, Pointer, Pointer, Pointer)),
    "wasmtime_component_extern_delete": (None, (Pointer,)),
    "wasmtime_component_get_export_index": (Pointer, (Pointer, Pointer, Text, Size)),
    "wasmtime_component_linker_add_wasi_http": (Pointer, (Pointer,)),
    "wasmtime_component_linker_allow_shadowing": (None, (Pointer, ctypes.c_bool)),
    "wasmtime_component_linker_root": (Pointer, (Pointer,)),
    "wasmtime_component_linker_instance_add_instance": (Pointer, (Pointer, Text, Size, Pointer)),
    "wasmtime_component_linker_instance_add_func": (
        Pointer,
        (Pointer, Text, Size, HostCall, Pointer, Pointer),
    ),
    "wasmtime_component_linker_instance_add_resource": (
        Pointer,
        (Pointer, Text, Size, Pointer, Destructor, Pointer, Pointer),
    ),
    "wasmtime_component_linker_instance_delete": (None, (Pointer,)),
    "wasmtime_component_resource_type_new_host": (Pointer, (ctypes.c_uint32,)),
    "wasmtime_component_resource_any_clone": (Pointer, (Pointer,)),
    "wasmtime_component_resource_any_delete": (None, (Pointer,)),
    "wasmtime_component_resource_host_new": (Pointer, (ctypes.c_bool, ctypes.c_uint32, ctypes.c_uint32)),
    "wasmtime_component_resource_host_rep": (ctypes.c_uint32, (Pointer,)),
    "wasmtime_component_resource_host_delete": (None, (Pointer,)),
    "wasmtime_component_resource_host_to_any": (Pointer, (Pointer, Pointer, Pointer)),
    "wasmtime_component_resource_any_to_host": (Pointer, (Pointer, Pointer, Pointer)),
    "wasmtime_component_val_new": (Pointer, (Pointer,)),
    "wasmtime_component_val_delete": (None, (Pointer,)),
    "wasmtime_component_vallist_new_uninit": (None, (Pointer, Size)),
    "wasmtime_component_valtuple_new_uninit": (None, (Pointer, Size)),
    "wasmtime_component_valrecord_new_uninit": (None, (Pointer, Size)),
    "wasm_byte_vec_new": (None, (Pointer, Size, Text)),
    "wasm_byte_vec_delete": (None, (Pointer,)),
    "wasmtime_error_new": (Pointer, (Text,)),
    "wasmtime_error_delete": (None, (Pointer,)),
    "wasmtime_error_message": (None, (Pointer, Pointer)),
    "wasmtime_error_exit_status": (ctypes.c_bool, (Pointer, Pointer)),
    "wasmtime_component_instance_get_func": (ctypes.c_bool, (Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_store_new": (Pointer, (Pointer, Pointer, Pointer)),
    "wasmtime_store_context": (Pointer, (Pointer,)),
    "wasmtime_store_limiter": (None, (Pointer, *(ctypes.c_int64,) * 5)),
    "wasmtime_context_set_wasi": (Pointer, (Pointer, Pointer)),
    "wasmtime_context_set_wasi_http": (None, (Pointer,)),
    "wasi_config_set_stdin_bytes": (None, (Pointer, Pointer)),
    "wasi_config_set_stdin_file": (ctypes.c_bool, (Pointer, Text)),
    "wasi_config_set_stdout_file": (ctypes.c_bool, (Pointer, Text)),
}

_GIVING_AWAY: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "wasmtime_component_linker_instantiate": (Pointer, (Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_component_func_call": (Pointer, (Pointer, Pointer, Pointer, Size, Pointer, Size)),
    "wasmtime_store_delete": (None, (Pointer,)),
}


class ComponentLibrary:
    """The functions above as attributes, without the prefix of their names that all share (``wasmtime_``)."""

    def __init__(self, library: Library) -> None:
        self.base = library
        for names, loaded in ((_KEEPING, ctypes.PyDLL(library.path)), (_GIVING_AWAY, ctypes.CDLL(library.path))):
            for name, (result, arguments) in names.items():
                function = loaded[name]
                function.restype, function.argtypes = result, arguments
                setattr(self, name.removeprefix("wasmtime_"), function)

    if TYPE_CHECKING:  # where it exists, every other attribute takes longer to find

        def __getattr__(self, name: str) -> Any: ...

    def take_error(self, error: Any) -> str:
        """What wasmtime says of an error, which is freed."""
        message = Vector()
        self.error_message(error, ctypes.addressof(message))
        text = message.content().decode(errors="replace")
        self.wasm_byte_vec_delete(ctypes.addressof(message))
        self.error_delete(error)
        return text
