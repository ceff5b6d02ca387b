"""The file below /proc that tells a container who it runs as and with which rights, which WASI has no call for.

In the kernel's words, so that a program of Linux reads what it looks for there. No I/O but ``write``.
"""

import os
from pathlib import Path

from sandbox.specs import GuestSpec

TARGET = "/proc/self/status"

_CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_NO_CAPABILITY = "0000000000000000"
_FILTERED = "2"


def source(folder: str) -> str:
    """``folder``: of the container."""
    return os.path.join(folder, "status")


def text(uid: int, gid: int, groups: list[int]) -> str:
    """What holds for every guest process, and what the pod has asked for."""
    fields = {
        "Uid": "\t".join([str(uid)] * 4),
        "Gid": "\t".join([str(gid)] * 4),
        "Groups": "".join(f"{group} " for group in sorted(groups)),
        **dict.fromkeys(_CAPABILITY_SETS, _NO_CAPABILITY),
        "NoNewPrivs": "1",
        "Seccomp": _FILTERED,
    }
    return "".join(f"{name}:\t{value}\n" for name, value in fields.items())


def write(folder: str, guest: GuestSpec) -> None:
    """For all users to read. Raises OSError."""
    path = Path(source(folder))
    path.write_text(text(guest.uid, guest.gid, guest.groups))
    path.chmod(0o444)
