"""The memory of this process by its addresses, to read and write what C functions are given and give back.

To read a word from there takes a tenth of the instructions that a function of ctypes takes. Nothing is checked: an
address that is none ends the process, as in C.
"""

import ctypes
import sys

_all = (ctypes.c_uint64 * (sys.maxsize // 8)).from_address(0)

octets: memoryview = memoryview(_all).cast("B")
"""``octets[address]``."""
words: memoryview = octets.cast("Q")
"""``words[address >> 3]``: of 64 bits, at their natural places."""


def bytes_at(address: int, size: int) -> bytes:
    return octets[address : address + size].tobytes()
