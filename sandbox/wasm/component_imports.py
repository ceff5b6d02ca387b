"""What a compiled component asks its host for."""

import ctypes
from typing import Any

from sandbox.wasm.address_space import bytes_at
from sandbox.wasm.component_library import ComponentLibrary

_Three = ctypes.c_uint64 * 3
_NAME, _SIZE, _ITEM = 0, 8, 16


def imported(library: ComponentLibrary, engine: Any, component: Any) -> set[str]:
    """Names of the interfaces, without their versions."""
    kind, room = library.component_type(component), _Three()
    address, found = ctypes.addressof(room), set()
    for place in range(library.component_type_import_count(kind, engine)):
        library.component_type_import_nth(kind, engine, place, address + _NAME, address + _SIZE, address + _ITEM)
        name, size, item = room
        found.add(bytes_at(name, size).decode().partition("@")[0])
        library.component_extern_delete(item)
    library.component_type_delete(kind)
    return found
