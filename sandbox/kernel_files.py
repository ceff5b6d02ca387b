"""The kernel's files, by plain system calls: a forked process that reads or writes one shall not grow by an import, a
codec or a buffer for it.
"""

import os


def read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return read_open(descriptor)
    finally:
        os.close(descriptor)


def open_to_change(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def read_open(descriptor: int) -> bytes:
    """From where it is to the end."""
    data = b""
    while piece := os.read(descriptor, 65536):
        data += piece
    return data


def write(path: str, value: bytes) -> None:
    """In a single call, as the kernel wants it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value)
    finally:
        os.close(descriptor)
