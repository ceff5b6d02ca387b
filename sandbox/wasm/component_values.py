"""Values of the component model in the form that wasmtime's C API gives them, to and from Python.

A codec is made once for each type of a function's signature and knows two ways: ``lift`` reads what lies at an address,
``lower`` writes there. What is lowered belongs to wasmtime, which frees it; so does what is lifted, after the call.

    bool, u8 … u64      bool, int
    string, enum        str
    list<u8>            bytes
    list, tuple         list, tuple
    record              tuple of its fields
    option              the value, or None
    result              the value, or ``Err``; ``Ok`` where the value could be taken for one
    variant             the name of the case, and the value or None
    own, borrow         the object of the host that the resource stands for
    own of another's    ``Native``, only lowered
"""

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from sandbox.wasm.address_space import bytes_at, octets, words
from sandbox.wasm.component_library import ComponentLibrary

VALUE_BYTES = 32
_FIELD_BYTES = 48
"""A record's field: its name, then its value."""
_NAME_BYTES = 16
_PAYLOAD = 8
_SECOND_WORD = 16
_THIRD_WORD = 24
_AS_WORD = 3
"""An address shifted right by so much is the number of the word there."""
_BOOL, _U8, _U16, _U32, _U64 = 0, 2, 4, 6, 8
_STRING, _LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT, _RESOURCE = 12, 13, 14, 15, 16, 17, 18, 19, 21
_OPTION_FORM = struct.Struct("<B7xQ")
_RESULT_FORM = struct.Struct("<B7x?7xQ")

Value = ctypes.c_uint64 * 4
"""Room for one."""
_addressof = ctypes.addressof
_NOTHING = Value()
"""A value to make another from, which is written over then."""
_KEPT_HANDLES = 32
"""Of each type of the host's resources: as many are made once, and each store is given the same."""


class Scope(Protocol):
    """What the resources of one store stand for."""

    context: int
    """The store's ``wasmtime_context_t``."""
    room: int
    """Address of a word for what a C function gives back."""
    resources: dict[int, Any]

    def represent(self, thing: Any) -> int:
        """The number by which the store knows the object."""


class Err(NamedTuple):
    """A result that is none."""

    value: Any = None


class Ok(NamedTuple):
    """A result whose value is a result itself."""

    value: Any


class Native(NamedTuple):
    """A resource that wasmtime itself has made, as it came."""

    value: bytes


class Codec(NamedTuple):
    lift: Callable[[Scope, int], Any]
    lower: Callable[[Scope, Any, int], Any]


class Codecs:
    """Makes codecs for one library. ``types``: numbers of the host's resource types, by the names of these."""

    def __init__(self, library: ComponentLibrary, types: dict[str, int]) -> None:
        self._library = library
        self._types = types
        self._handles: dict[str, Sequence[int]] = {}
        self._representation = self._representing()
        self.bool = _number(_BOOL, "?")
        self.u8 = _number(_U8, "B")
        self.u16 = _number(_U16, "H")
        self.u32 = _number(_U32, "I")
        self.u64 = _number(_U64, "Q")
        self.string = self._text(_STRING)
        self.enum = self._text(_ENUM)
        self.bytes = self._bytes()

    def _text(self, kind: int) -> Codec:
        new = self._library.wasm_byte_vec_new

        def lower(scope: Scope, value: str, address: int) -> None:
            encoded = value.encode()
            octets[address] = kind
            new(address + _PAYLOAD, len(encoded), encoded)

        return Codec(lambda scope, address: _text_at(address + _PAYLOAD), lower)

    def _bytes(self) -> Codec:
        new = self._library.component_vallist_new_uninit

        def lift(scope: Scope, address: int) -> bytes:
            place = (address + _PAYLOAD) >> _AS_WORD
            size = words[place]
            return bytes_at(words[place + 1], size * VALUE_BYTES)[_PAYLOAD::VALUE_BYTES] if size else b""

        def lower(scope: Scope, value: bytes, address: int) -> None:
            size = len(value)
            octets[address] = _LIST
            new(address + _PAYLOAD, size)
            if size:
                values = bytearray(size * VALUE_BYTES)
                values[0::VALUE_BYTES] = bytes((_U8,)) * size
                values[_PAYLOAD::VALUE_BYTES] = value
                first = words[(address + _SECOND_WORD) >> _AS_WORD]
                octets[first : first + len(values)] = values

        return Codec(lift, lower)

    def list(self, element: Codec) -> Codec:
        new, lift_one, lower_one = self._library.component_vallist_new_uninit, element.lift, element.lower

        def lift(scope: Scope, address: int) -> list[Any]:
            place = (address + _PAYLOAD) >> _AS_WORD
            size, first = words[place], words[place + 1]
            return [lift_one(scope, first + VALUE_BYTES * place) for place in range(size)]

        def lower(scope: Scope, value: list[Any], address: int) -> None:
            octets[address] = _LIST
            new(address + _PAYLOAD, len(value))
            place = words[(address + _SECOND_WORD) >> _AS_WORD]
            for each in value:
                lower_one(scope, each, place)
                place += VALUE_BYTES

        return Codec(lift, lower)

    def tuple(self, *elements: Codec) -> Codec:
        new, size = self._library.component_valtuple_new_uninit, len(elements)

        def lift(scope: Scope, address: int) -> tuple[Any, ...]:
            first = words[(address + _SECOND_WORD) >> _AS_WORD]
            return tuple(each.lift(scope, first + VALUE_BYTES * place) for place, each in enumerate(elements))

        def lower(scope: Scope, value: tuple[Any, ...], address: int) -> None:
            octets[address] = _TUPLE
            new(address + _PAYLOAD, size)
            first = words[(address + _SECOND_WORD) >> _AS_WORD]
            for place, each in enumerate(elements):
                each.lower(scope, value[place], first + VALUE_BYTES * place)

        return Codec(lift, lower)

    def record(self, **fields: Codec) -> Codec:
        """Underscores in the names of fields stand for hyphens."""
        new, name_new = self._library.component_valrecord_new_uninit, self._library.wasm_byte_vec_new
        named = [(name.replace("_", "-").encode(), codec) for name, codec in fields.items()]

        def lift(scope: Scope, address: int) -> tuple[Any, ...]:
            first = words[(address + _SECOND_WORD) >> _AS_WORD] + _NAME_BYTES
            return tuple(each.lift(scope, first + _FIELD_BYTES * place) for place, (_, each) in enumerate(named))

        def lower(scope: Scope, value: tuple[Any, ...], address: int) -> None:
            octets[address] = _RECORD
            new(address + _PAYLOAD, len(named))
            place = words[(address + _SECOND_WORD) >> _AS_WORD]
            for (name, each), item in zip(named, value, strict=True):
                name_new(place, len(name), name)
                each.lower(scope, item, place + _NAME_BYTES)
                place += _FIELD_BYTES

        return Codec(lift, lower)

    def option(self, some: Codec) -> Codec:
        boxed = self._boxed(some)

        def lift(scope: Scope, address: int) -> Any:
            pointer = words[(address + _PAYLOAD) >> _AS_WORD]
            return some.lift(scope, pointer) if pointer else None

        def lower(scope: Scope, value: Any, address: int) -> None:
            pointer = 0 if value is None else boxed(scope, value)
            _OPTION_FORM.pack_into(octets, address, _OPTION, pointer)

        return Codec(lift, lower)

    def result(self, ok: Codec | None, err: Codec | None = None, is_outer: bool = False) -> Codec:
        """``is_outer``: its value is a result itself, and is lifted as ``Ok``."""
        box_ok, box_err = self._boxed(ok), self._boxed(err)

        def lift(scope: Scope, address: int) -> Any:
            is_ok = octets[address + _PAYLOAD]
            codec = ok if is_ok else err
            value = codec.lift(scope, words[(address + _SECOND_WORD) >> _AS_WORD]) if codec else None
            if not is_ok:
                return Err(value)
            return Ok(value) if is_outer else value

        def lower(scope: Scope, value: Any, address: int) -> None:
            if isinstance(value, Err):
                _RESULT_FORM.pack_into(octets, address, _RESULT, False, box_err(scope, value.value))
            else:
                inner = value.value if isinstance(value, Ok) else value
                _RESULT_FORM.pack_into(octets, address, _RESULT, True, box_ok(scope, inner))

        return Codec(lift, lower)

    def variant(self, cases: dict[str, Codec | None]) -> Codec:
        boxes = {name: self._boxed(codec) for name, codec in cases.items()}
        new = self._library.wasm_byte_vec_new

        def lift(scope: Scope, address: int) -> tuple[str, Any]:
            name = _text_at(address + _PAYLOAD)
            codec, pointer = cases[name], words[(address + _THIRD_WORD) >> _AS_WORD]
            return name, codec.lift(scope, pointer) if codec and pointer else None

        def lower(scope: Scope, value: tuple[str, Any], address: int) -> None:
            name, payload = value
            pointer, encoded = boxes[name](scope, payload), name.encode()
            octets[address] = _VARIANT
            new(address + _PAYLOAD, len(encoded), encoded)
            words[(address + _THIRD_WORD) >> _AS_WORD] = pointer

        return Codec(lift, lower)

    def _boxed(self, codec: Codec | None) -> Callable[[Scope, Any], int]:
        """Address of a value that stands alone; 0 where there is no value."""
        if codec is None:
            return lambda scope, value: 0
        new, lower_one, nothing = self._library.component_val_new, codec.lower, _addressof(_NOTHING)

        def lower(scope: Scope, value: Any) -> int:
            address: int = new(nothing)
            lower_one(scope, value, address)
            return address

        return lower

    def own(self, name: str) -> Codec:
        """The object is the guest's when it is lowered, and no more when it is lifted."""
        library, representation = self._library, self._representation
        new, delete = library.component_resource_host_new, library.component_resource_host_delete
        to_any, number, kept = library.component_resource_host_to_any, self._types[name], self._kept_handles(name)

        def lift(scope: Scope, address: int) -> Any:
            return scope.resources.pop(representation(scope, address))

        def lower(scope: Scope, value: Any, address: int) -> None:
            place = scope.represent(value)
            if place < _KEPT_HANDLES:
                error = to_any(scope.context, kept[place], address + _PAYLOAD)
            else:
                handle = new(True, place, number)
                error = to_any(scope.context, handle, address + _PAYLOAD)
                delete(handle)
            if error:
                raise ValueError(library.take_error(error))
            octets[address] = _RESOURCE

        return Codec(lift, lower)

    def borrow(self, name: str) -> Codec:
        assert name in self._types
        representation = self._representation
        return Codec(lambda scope, address: scope.resources[representation(scope, address)], _cannot)

    def _kept_handles(self, name: str) -> Sequence[int]:
        """By their representations. wasmtime only reads what it makes a resource of."""
        if name not in self._handles:
            new, number = self._library.component_resource_host_new, self._types[name]
            self._handles[name] = [new(True, place, number) for place in range(_KEPT_HANDLES)]
        return self._handles[name]

    def _representing(self) -> Callable[[Scope, int], int]:
        library = self._library
        to_host, number_of = library.component_resource_any_to_host, library.component_resource_host_rep
        delete = library.component_resource_host_delete

        def representation(scope: Scope, address: int) -> int:
            if error := to_host(scope.context, words[(address + _PAYLOAD) >> _AS_WORD], scope.room):
                raise ValueError(library.take_error(error))
            handle = words[scope.room >> _AS_WORD]
            number = number_of(handle)
            delete(handle)
            return number  # type: ignore[no-any-return]

        return representation


def _native(scope: Scope, value: Native, address: int) -> None:
    octets[address : address + VALUE_BYTES] = value.value


def _cannot(scope: Scope, *rest: Any) -> Any:
    raise TypeError("a value of this type never goes this way")


NATIVE = Codec(_cannot, _native)
IGNORED = Codec(lambda scope, address: None, _cannot)
"""An argument that nobody looks at."""


def _number(kind: int, form: str) -> Codec:
    payload, value = struct.Struct(f"<{form}"), struct.Struct(f"<B7x{form}")

    def lower(scope: Scope, number: Any, address: int) -> None:
        value.pack_into(octets, address, kind, number)

    return Codec(lambda scope, address: payload.unpack_from(octets, address + _PAYLOAD)[0], lower)


def _text_at(address: int) -> str:
    place = address >> _AS_WORD
    size = words[place]
    return bytes_at(words[place + 1], size).decode() if size else ""
