"""Calls of wasmtime's own wasi:http, in the store of a component that is given requests (see ``http_client_text``)."""

import ctypes
from typing import Any, NamedTuple

from sandbox.errors import StartFailure
from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.component_values import VALUE_BYTES, Codec, Codecs, Native, Value
from sandbox.wasm.http_client_text import FUNCTIONS
from sandbox.wasm.http_variants import error_code, method, scheme

_PAYLOAD = 8
_MOST_ARGUMENTS = 4
_Arguments = Value * _MOST_ARGUMENTS


class ClientComponent(NamedTuple):
    """The compiled component, how it is linked, and how its functions are called."""

    library: ComponentLibrary
    code: Any
    linker: Any
    exports: dict[str, int]
    """What finds each function in an instance."""
    codecs: "ClientCodecs"


class ClientCodecs:
    """``signatures``: parameters and result of each function."""

    def __init__(self, library: ComponentLibrary) -> None:
        self._library = library
        codecs = Codecs(library, {})
        own, lent = Codec(self._lift, _move), Codec(self._lift, self._lend)
        text, duration, code = codecs.option(codecs.string), codecs.option(codecs.u64), error_code(codecs)
        entries = codecs.list(codecs.tuple(codecs.string, codecs.bytes))
        plain = codecs.result(None)
        refused = codecs.variant(dict.fromkeys(("invalid-syntax", "forbidden", "immutable")))
        trailers = codecs.result(codecs.result(codecs.option(own), code), is_outer=True)
        self.signatures: dict[str, tuple[list[Codec], Codec]] = {
            "fields-from-list": ([entries], codecs.result(own, refused)),
            "entries": ([lent], entries),
            "new-request": ([own], own),
            "set-method": ([lent, method(codecs)], plain),
            "set-path": ([lent, text], plain),
            "set-scheme": ([lent, codecs.option(scheme(codecs))], plain),
            "set-authority": ([lent, text], plain),
            "request-body": ([lent], codecs.result(own)),
            "body-write": ([lent], codecs.result(own)),
            "body-finish": ([own, codecs.option(own)], codecs.result(None, code)),
            "new-options": ([], own),
            "set-connect": ([lent, duration], plain),
            "set-first-byte": ([lent, duration], plain),
            "set-between-bytes": ([lent, duration], plain),
            "handle": ([own, codecs.option(own)], codecs.result(own, code)),
            "response-subscribe": ([lent], own),
            "response-get": ([lent], codecs.option(codecs.result(codecs.result(own, code), is_outer=True))),
            "response-status": ([lent], codecs.u16),
            "response-headers": ([lent], own),
            "response-consume": ([lent], codecs.result(own)),
            "body-stream": ([lent], codecs.result(own)),
            "incoming-finish": ([own], own),
            "trailers-subscribe": ([lent], own),
            "trailers-get": ([lent], codecs.option(trailers)),
        }

    def _lift(self, scope: Any, address: int) -> Native:
        """What it was lifted from is freed."""
        pointer = self._library.component_resource_any_clone(ctypes.c_void_p.from_address(address + _PAYLOAD).value)
        scope.kept.add(pointer)
        value = bytearray(ctypes.string_at(address, VALUE_BYTES))
        value[_PAYLOAD : 2 * _PAYLOAD] = pointer.to_bytes(_PAYLOAD, "little")
        return Native(bytes(value))

    def _lend(self, scope: Any, value: Native, address: int) -> None:
        pointer = self._library.component_resource_any_clone(_pointer(value))
        ctypes.memmove(address, value.value, VALUE_BYTES)
        ctypes.c_void_p.from_address(address + _PAYLOAD).value = pointer


def _move(scope: Any, value: Native, address: int) -> None:
    scope.give(value)
    ctypes.memmove(address, value.value, VALUE_BYTES)


def _pointer(value: Native) -> int:
    return int.from_bytes(value.value[_PAYLOAD : 2 * _PAYLOAD], "little")


def find_client_exports(library: ComponentLibrary, code: Any) -> dict[str, int]:
    """Raises StartFailure."""
    find = library.component_get_export_index
    found = {name: find(code, None, name.encode(), len(name)) for name in FUNCTIONS}
    if not all(found.values()):
        raise StartFailure("wasmlet's component of calls is not what this version needs: create another container")
    return found


class Client:
    """Of one store. The component is instantiated when the first call is made."""

    def __init__(self, component: ClientComponent, context: int) -> None:
        self._component = component
        self.context = context
        self.room = 0
        self.resources: dict[int, Any] = {}
        self.kept: set[int] = set()
        """Addresses of the places of resources that were not given away."""
        self._instance: Any = None

    def represent(self, thing: Any) -> int:
        raise TypeError("the host lends nothing of its own to wasmtime")

    def call(self, name: str, *values: Any) -> Any:
        """By the name of a function in ``http_client_text.FUNCTIONS``. What is given as its own is given away."""
        library, room, function, result = self._component.library, _Arguments(), Value(), Value()
        parameters, returned = self._component.codecs.signatures[name]
        first, address = ctypes.addressof(room), ctypes.addressof(result)
        for place, (codec, value) in enumerate(zip(parameters, values, strict=True)):
            codec.lower(self, value, first + VALUE_BYTES * place)
        instance, found = ctypes.addressof(self._instantiated()), ctypes.addressof(function)
        library.component_instance_get_func(instance, self.context, self._component.exports[name], found)
        error = library.component_func_call(found, self.context, first, len(values), address, 1)
        for place in range(len(values)):
            library.component_val_delete(first + VALUE_BYTES * place)
        if error:
            raise RuntimeError(library.take_error(error))
        lifted = returned.lift(self, address)
        library.component_val_delete(address)
        return lifted

    def _instantiated(self) -> Any:
        if self._instance is None:
            library, instance, component = self._component.library, Value(), self._component
            library.context_set_wasi_http(self.context)
            arguments = (component.linker, self.context, component.code, ctypes.addressof(instance))
            if error := library.component_linker_instantiate(*arguments):
                raise RuntimeError(library.take_error(error))
            self._instance = instance
        return self._instance

    def give(self, value: Native) -> Native:
        """It is another's from now on."""
        self.kept.discard(_pointer(value))
        return value

    def close(self) -> None:
        """Free the places of what it has kept; the resources themselves go with the store."""
        while self.kept:
            self._component.library.component_resource_any_delete(self.kept.pop())
