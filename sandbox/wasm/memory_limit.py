"""How much memory a guest may grow to, at a place where another process can change it while the guest runs.

wasmtime asks a store's limiter at each growth, and compares with a number that its API takes once and never again. So
the store is given a limiter before the fork, with a number that occurs nowhere else, and the place where that number
has gone is looked for: the address is the same in every process that is forked. Where it is not found, as a release of
wasmtime may keep it otherwise, a limit is set through the API and lasts as long as the guest.
"""

import ctypes
from typing import Any

from sandbox.wasm.library import Library

_UNSET = -1
_LIKE_NO_OTHER = 0x2C51_7E0D_36B9_4A8F
"""Also no limit at all: more than there can be."""
_WORD = 8


def give_limiter(library: Library, store: Any) -> int:
    """The address of the number of bytes that each memory may grow to; 0 where that is not found."""
    library.wasmtime_store_limiter(store, _LIKE_NO_OTHER, *[_UNSET] * 4)
    state = library.wasmtime_store_context(store)
    content = ctypes.string_at(state, library.malloc_usable_size(state))
    number = _LIKE_NO_OTHER.to_bytes(_WORD, "little")
    offset = content.find(number)
    return state + offset if offset >= 0 and content.count(number) == 1 else 0


def limit(library: Library, store: Any, place: int, size: int) -> None:
    """In the guest's own process, once it is instantiated. ``size`` in bytes; 0: no limit."""
    if place and size:
        ctypes.c_uint64.from_address(place).value = size
    elif size:
        library.wasmtime_store_limiter(store, size, *[_UNSET] * 4)


def encoded(size: int) -> bytes:
    """What stands at the place for a limit of ``size`` bytes; 0: no limit."""
    return (size or _LIKE_NO_OTHER).to_bytes(_WORD, "little")
