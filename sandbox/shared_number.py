"""A number in memory that a process and all that it forks share, so that one can tell the others."""

import ctypes
import mmap

_BYTES = 8


def shared_number(value: int) -> ctypes.c_uint64:
    """64 bits, written and read at once."""
    made = ctypes.c_uint64.from_buffer(mmap.mmap(-1, _BYTES))
    made.value = value
    return made
