"""The zygote's heap, settled for the processes that will be forked from it.

A page that a forked process writes to becomes its own, and Python writes wherever it looks: whoever uses an object
counts the use in the object itself. From Python 3.12 on the interpreter leaves alone what counts as immortal (PEP 683).
"""

import ctypes
import gc
import sys

from sandbox import syscalls


def settle() -> None:
    """Leave as little as possible for a child to copy: no garbage, no collector, no holes to fill, no counting."""
    gc.collect()
    if sys.version_info >= (3, 12):
        _make_immortal()
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
