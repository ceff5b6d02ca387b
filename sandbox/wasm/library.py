"""The C functions of wasmtime that a guest needs, bound by ctypes from the library of the installed distribution.

The distribution's own Python package binds some thousand functions and costs every forked process megabytes; this costs
kilobytes. PyDLL: there is one thread, and the interpreter's lock has nobody to be given to.
"""

import ctypes
from typing import TYPE_CHECKING, Any

Pointer = ctypes.c_void_p
Size = ctypes.c_size_t
Text = ctypes.c_char_p
HostFunction = ctypes.PYFUNCTYPE(Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size)
"""Environment, caller, arguments and their number, results and their number; returns a trap or None."""
RawHostFunction = ctypes.PYFUNCTYPE(Pointer, Pointer, Pointer, Pointer, Size)
"""Environment, caller, slots of 16 bytes with the arguments and then the result, how many; returns a trap or None."""
ComponentHostFunction = ctypes.PYFUNCTYPE(Pointer, Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size)
"""Environment, context, type, arguments and their number, results and their number; returns an error or None."""

_I32, _I64 = 0, 1

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "wasm_config_new": (Pointer, ()),
    "wasmtime_pooling_allocation_config_new": (Pointer, ()),
    "wasmtime_pooling_allocation_config_delete": (None, (Pointer,)),
    "wasmtime_pooling_allocation_strategy_set": (None, (Pointer, Pointer)),
    "wasmtime_config_parallel_compilation_set": (None, (Pointer, ctypes.c_bool)),
    "wasm_engine_new_with_config": (Pointer, (Pointer,)),
    "wasmtime_module_deserialize_file": (Pointer, (Pointer, Text, Pointer)),
    "wasmtime_module_deserialize": (Pointer, (Pointer, Text, Size, Pointer)),
    "wasmtime_module_delete": (None, (Pointer,)),
    "wasmtime_linker_new": (Pointer, (Pointer,)),
    "wasmtime_linker_define_wasi": (Pointer, (Pointer,)),
    "wasmtime_linker_allow_shadowing": (None, (Pointer, ctypes.c_bool)),
    "wasmtime_linker_define_func": (
        Pointer,
        (Pointer, Text, Size, Text, Size, Pointer, HostFunction, Pointer, Pointer),
    ),
    "wasmtime_linker_define_func_unchecked": (
        Pointer,
        (Pointer, Text, Size, Text, Size, Pointer, RawHostFunction, Pointer, Pointer),
    ),
    "wasmtime_linker_define": (Pointer, (Pointer, Pointer, Text, Size, Text, Size, Pointer)),
    "wasmtime_linker_define_instance": (Pointer, (Pointer, Pointer, Text, Size, Pointer)),
    "wasmtime_linker_instantiate": (Pointer, (Pointer, Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_memory_data": (Pointer, (Pointer, Pointer)),
    "wasm_valtype_new": (Pointer, (ctypes.c_uint8,)),
    "wasm_valtype_vec_new": (None, (Pointer, Size, Pointer)),
    "wasm_valtype_vec_new_empty": (None, (Pointer,)),
    "wasm_functype_new": (Pointer, (Pointer, Pointer)),
    "wasmtime_trap_new": (Pointer, (Text, Size)),
    "wasmtime_linker_instantiate_pre": (Pointer, (Pointer, Pointer, Pointer)),
    "wasmtime_instance_pre_instantiate": (Pointer, (Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_instance_pre_delete": (None, (Pointer,)),
    "wasmtime_instance_export_get": (ctypes.c_bool, (Pointer, Pointer, Text, Size, Pointer)),
    "wasmtime_memory_data_size": (Size, (Pointer, Pointer)),
    "wasmtime_func_call": (Pointer, (Pointer, Pointer, Pointer, Size, Pointer, Size, Pointer)),
    "wasmtime_component_deserialize_file": (Pointer, (Pointer, Text, Pointer)),
    "wasmtime_component_deserialize": (Pointer, (Pointer, Text, Size, Pointer)),
    "wasmtime_component_delete": (None, (Pointer,)),
    "wasmtime_component_linker_new": (Pointer, (Pointer,)),
    "wasmtime_component_linker_add_wasip2": (Pointer, (Pointer,)),
    "wasmtime_component_linker_add_wasi_http": (Pointer, (Pointer,)),
    "wasmtime_component_linker_allow_shadowing": (None, (Pointer, ctypes.c_bool)),
    "wasmtime_component_linker_root": (Pointer, (Pointer,)),
    "wasmtime_component_linker_instance_add_instance": (Pointer, (Pointer, Text, Size, Pointer)),
    "wasmtime_component_linker_instance_add_func": (
        Pointer,
        (Pointer, Text, Size, ComponentHostFunction, Pointer, Pointer),
    ),
    "wasmtime_component_linker_instance_delete": (None, (Pointer,)),
    "wasmtime_component_val_new": (Pointer, (Pointer,)),
    "wasm_byte_vec_new": (None, (Pointer, Size, Text)),
    "wasmtime_component_linker_instantiate": (Pointer, (Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_component_instance_get_export_index": (Pointer, (Pointer, Pointer, Pointer, Text, Size)),
    "wasmtime_component_instance_get_func": (ctypes.c_bool, (Pointer, Pointer, Pointer, Pointer)),
    "wasmtime_component_func_call": (Pointer, (Pointer, Pointer, Pointer, Size, Pointer, Size)),
    "wasmtime_store_new": (Pointer, (Pointer, Pointer, Pointer)),
    "wasmtime_store_delete": (None, (Pointer,)),
    "wasmtime_store_context": (Pointer, (Pointer,)),
    "wasmtime_store_limiter": (None, (Pointer, *(ctypes.c_int64,) * 5)),
    "wasmtime_context_set_wasi": (Pointer, (Pointer, Pointer)),
    "wasmtime_context_set_wasi_http": (None, (Pointer,)),
    "wasi_config_new": (Pointer, ()),
    "wasi_config_delete": (None, (Pointer,)),
    "wasi_config_set_argv": (ctypes.c_bool, (Pointer, Size, Pointer)),
    "wasi_config_set_env": (ctypes.c_bool, (Pointer, Size, Pointer, Pointer)),
    "wasi_config_inherit_stdin": (None, (Pointer,)),
    "wasi_config_inherit_stdout": (None, (Pointer,)),
    "wasi_config_inherit_stderr": (None, (Pointer,)),
    "wasi_config_preopen_dir": (ctypes.c_bool, (Pointer, Text, Text, ctypes.c_bool)),
    "wasi_config_inherit_network": (None, (Pointer,)),
    "wasi_config_allow_ip_name_lookup": (None, (Pointer, ctypes.c_bool)),
    "wasmtime_error_message": (None, (Pointer, Pointer)),
    "wasmtime_error_exit_status": (ctypes.c_bool, (Pointer, Pointer)),
    "wasm_trap_message": (None, (Pointer, Pointer)),
}


_OF_COMPILER: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "wasmtime_wat2wasm": (Pointer, (Text, Size, Pointer)),
    "wasmtime_component_new": (Pointer, (Pointer, Text, Size, Pointer)),
}
"""For a process that is thrown away: none that compiled may fork a guest."""


class Vector(ctypes.Structure):
    """The API's ``wasm_byte_vec_t`` and its like."""

    _fields_ = [("size", Size), ("data", Pointer)]

    def content(self) -> bytes:
        """Of a vector of bytes."""
        return ctypes.string_at(self.data, self.size)


class Library:
    """The functions of ``_SIGNATURES`` as attributes. ``path``: of the shared library."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._library = ctypes.PyDLL(path)
        for name, signature in _SIGNATURES.items():
            self._bind(name, signature)
        self.allow_udp, self.allow_tcp = (self._call_for(protocol) for protocol in ("udp", "tcp"))
        """Functions of a WASI context and whether it allows that protocol; None in releases without."""
        self.malloc_usable_size = self._library["malloc_usable_size"]
        """The C library's: how large what it has allocated is."""
        self.malloc_usable_size.restype, self.malloc_usable_size.argtypes = Size, (Pointer,)

    if TYPE_CHECKING:  # where it exists, every other attribute takes longer to find

        def __getattr__(self, name: str) -> Any: ...

    def bind_compiler(self) -> None:
        """The functions of ``_OF_COMPILER`` as further attributes."""
        for name, signature in _OF_COMPILER.items():
            self._bind(name, signature)

    def set_option(self, config: Any, name: str, value: bool | int) -> None:
        """One engine setting by its name in ``wasmtime.Config``."""
        setter = getattr(self._library, f"wasmtime_config_{name}_set")
        setter.argtypes = (Pointer, ctypes.c_bool if isinstance(value, bool) else ctypes.c_uint64)
        setter.restype = None
        setter(config, value)

    def set_pool_limit(self, pool: Any, name: str, value: int) -> None:
        """One limit of the pool of instances by its name in ``wasmtime::PoolingAllocationConfig``."""
        setter = getattr(self._library, f"wasmtime_pooling_allocation_config_{name}_set")
        setter.argtypes, setter.restype = (Pointer, Size), None  # of those of 32 bits, half a register is looked at
        setter(pool, value)

    def function_type(self, narrow: int, wide: int) -> Any:
        """A ``wasm_functype_t``: so many numbers of 32 bits, then of 64; one result of 32."""
        parameters, results = self._types([_I32] * narrow + [_I64] * wide), self._types([_I32])
        return self.wasm_functype_new(ctypes.addressof(parameters), ctypes.addressof(results))

    def _types(self, kinds: list[int]) -> Vector:
        types, vector = (Pointer * len(kinds))(*map(self.wasm_valtype_new, kinds)), Vector()
        self.wasm_valtype_vec_new(ctypes.addressof(vector), len(kinds), ctypes.addressof(types))
        return vector

    def error_text(self, error: Any) -> str:
        """What wasmtime says of a ``wasmtime_error_t``."""
        message = Vector()
        self.wasmtime_error_message(error, ctypes.addressof(message))
        return message.content().decode(errors="replace")

    def trap_text(self, trap: Any) -> str:
        """What wasmtime says of a ``wasm_trap_t``, with the backtrace."""
        message = Vector()
        self.wasm_trap_message(trap, ctypes.addressof(message))
        return message.content().rstrip(b"\0").decode(errors="replace")

    def _bind(self, name: str, signature: tuple[Any, tuple[Any, ...]]) -> None:
        function = getattr(self._library, name)
        function.restype, function.argtypes = signature
        setattr(self, name, function)

    def _call_for(self, protocol: str) -> Any:
        function = getattr(self._library, f"wasi_config_allow_{protocol}", None)
        if function is not None:
            function.restype, function.argtypes = None, (Pointer, ctypes.c_bool)
        return function
