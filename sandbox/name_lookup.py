"""How the C library looks names up in guest processes, which wasmtime has it do, in a thread of its own.

It reads the container's ``/etc/hosts`` and ``/etc/resolv.conf`` when it first has to, which is after the guest entered
its root, and looks at their times again each time. What is settled here, before any fork, is which sources there are:
the image's ``/etc/nsswitch.conf`` may name some whose code is not there, and none is loaded once a guest runs.
"""

import ctypes
import os

_SOURCES = b"files dns"
_FIRST_WITH_BOTH_BUILT_IN = (2, 34)
"""Of the GNU C library. Earlier ones load each of the two from a file, by name, unless it is there already."""
_SEPARATE = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


def settle_sources() -> None:
    """In the zygote. Raises OSError where the C library's own files cannot be loaded."""
    if _version() < _FIRST_WITH_BOTH_BUILT_IN:
        for name in _SEPARATE:
            ctypes.PyDLL(name)
    configure = ctypes.PyDLL(None)["__nss_configure_lookup"]
    configure.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    configure(b"hosts", _SOURCES)


def _version() -> tuple[int, ...]:
    """Of the GNU C library, the only one that wasmlet runs with."""
    _, _, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    return tuple(int(part) for part in number.split("."))
