"""The zygote's heap, settled for the processes that will be forked from it.

A page that a forked process writes to becomes its own, and Python writes wherever it looks: whoever uses an object
counts the use in the object itself. From Python 3.12 on the interpreter leaves alone what counts as immortal (PEP 683).

What is allocated after the fork takes the next free place of a pool, one for each size of objects, and writes to the
pool's header: in a fresh pool both are in one page.
"""

import ctypes
import gc
import sys

from sandbox import syscalls

_POOL_BYTES = 16384
_POOL_HEADER_BYTES = 48
_SIZES = range(48, 513, 16)
_EMPTY_BYTES = sys.getsizeof(b"")

_kept: list[bytes] = []


def settle() -> None:
    """Leave as little as possible for a child to copy: no garbage, no collector, no holes to fill, no counting."""
    gc.collect()
    if sys.version_info >= (3, 12):
        _make_immortal()
    for size in _SIZES:
        _begin_pool(size)
    gc.freeze()
    gc.disable()
    syscalls.spare_memory()


def _make_immortal() -> None:
    """Whatever can be reached gets the count that the interpreter gives to None and never changes."""
    immortal = _count_of(None).value
    waiting = gc.get_objects()
    while waiting:
        item = waiting.pop()
        count = _count_of(item)
        if count.value != immortal:
            count.value = immortal
            waiting.extend(gc.get_referents(item))


def _count_of(item: object) -> ctypes.c_uint32:
    """The half of an object's first word that tells immortal objects apart."""
    return ctypes.c_uint32.from_address(id(item))


def _begin_pool(size: int) -> None:
    """Take the free places for objects of that size until one is the first of its pool."""
    while True:
        filling = bytes(size - _EMPTY_BYTES)
        _kept.append(filling)
        if id(filling) % _POOL_BYTES == _POOL_HEADER_BYTES:
            return
