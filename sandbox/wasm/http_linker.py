"""The linker of components that serve requests: WASI 0.2 as wasmtime has it, and wasi:http by the host's functions."""

import ctypes
from collections.abc import Callable
from typing import Any

from sandbox.errors import SandboxError
from sandbox.wasm.component_library import ComponentLibrary, Destructor, HostCall
from sandbox.wasm.component_values import NATIVE, VALUE_BYTES, Codec, Codecs
from sandbox.wasm.http_scope import HttpScope
from sandbox.wasm.http_types import RESOURCES, HostFunction, functions, handler

TYPES = "wasi:http/types@0.2.12"
OUTGOING = "wasi:http/outgoing-handler@0.2.12"
_STDOUT = "wasi:cli/stdout@0.2.12"
"""Of the versions 0.2.x the library has this one, and each other one is taken for it."""


class HttpLinker:
    """``scopes``: of the stores of this process, by their contexts. Everything here is made before a fork."""

    def __init__(self, library: ComponentLibrary, engine: Any) -> None:
        self.library = library
        self.scopes: dict[int, HttpScope] = {}
        self.pointer = library.base.wasmtime_component_linker_new(engine)
        self._check(library.base.wasmtime_component_linker_add_wasip2(self.pointer))
        library.component_linker_allow_shadowing(self.pointer, True)
        self._destructor = Destructor(self._drop)
        self._kept: list[Any] = [self._destructor]
        self._codecs = Codecs(library, RESOURCES)
        self.request = self._codecs.own("incoming-request")
        self.outparam = self._codecs.own("response-outparam")
        self._root = library.component_linker_root(self.pointer)
        self._define(TYPES, functions(self._codecs), RESOURCES)
        self._define(OUTGOING, handler(self._codecs), {})
        self._define(_STDOUT, {"get-stdout": HostFunction([], NATIVE, lambda scope: scope.streams.log())}, {})
        library.component_linker_instance_delete(self._root)

    def code(self) -> list[int]:
        """Addresses of the few instructions that ctypes made for each function, in memory that it can write to."""
        return [int(ctypes.cast(function, ctypes.c_void_p).value or 0) for function in self._kept]

    def _define(self, interface: str, defined: dict[str, HostFunction], resources: dict[str, int]) -> None:
        library, instance = self.library, ctypes.c_void_p()
        name = interface.encode()
        add = library.component_linker_instance_add_instance
        self._check(add(self._root, name, len(name), ctypes.addressof(instance)))
        for resource, number in resources.items():
            self._add_resource(instance, resource.encode(), number)
        for function, definition in defined.items():
            self._add_function(instance, function, definition)
        library.component_linker_instance_delete(instance)

    def _add_resource(self, instance: Any, name: bytes, number: int) -> None:
        library = self.library
        made = library.component_resource_type_new_host(number)
        arguments = (instance, name, len(name), made, self._destructor, None, None)
        self._check(library.component_linker_instance_add_resource(*arguments))

    def _add_function(self, instance: Any, name: str, definition: HostFunction) -> None:
        library, call = self.library, HostCall(self._caller(name, definition))
        self._kept.append(call)
        encoded = name.encode()
        arguments = (instance, encoded, len(encoded), call, None, None)
        self._check(library.component_linker_instance_add_func(*arguments))

    def _caller(self, name: str, definition: HostFunction) -> Callable[..., Any]:
        scopes, library, function = self.scopes, self.library, _lifting(definition.call, definition.parameters)
        lower = definition.result.lower if definition.result else None

        def call(_data: Any, context: int, _type: Any, arguments: int, _n: int, results: int, _m: int) -> Any:
            scope = scopes[context]
            try:
                value = function(scope, arguments)
                if lower is not None:
                    lower(scope, value, results)
                return None
            except BaseException as error:  # noqa: BLE001 - it goes through wasmtime to who called the guest
                return library.error_new(f"{name}: {type(error).__name__}: {error}".encode())

        return call

    def _drop(self, _data: Any, context: int, number: int) -> None:
        """The guest is done with a resource. Nothing hangs on one but the scope's own memory."""
        self.scopes[context].resources.pop(number, None)

    def _check(self, error: Any) -> None:
        if error:
            raise SandboxError(f"wasi:http cannot be linked ({self.library.take_error(error)}): use wasmlet's wasmtime")


def _lifting(function: Callable[..., Any], parameters: list[Codec]) -> Callable[[HttpScope, int], Any]:
    """The function, of arguments that are at an address. Most have one or two, and are called often."""
    lifts = [codec.lift for codec in parameters]
    if len(lifts) == 1:
        (only,) = lifts
        return lambda scope, address: function(scope, only(scope, address))
    if len(lifts) == 2:
        first, second = lifts
        return lambda scope, address: function(scope, first(scope, address), second(scope, address + VALUE_BYTES))
    return lambda scope, address: function(
        scope, *[each(scope, address + VALUE_BYTES * place) for place, each in enumerate(lifts)]
    )
