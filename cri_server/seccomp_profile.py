"""The seccomp profile that a container asks for. The filter of guests is always on, so that RuntimeDefault and
Unconfined are satisfied; a profile of the node is, when it refuses nothing that the filter allows.
"""

import os
import stat

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from sandbox.errors import InvalidSpec
from sandbox.seccomp.profile import refused_by
from sandbox.seccomp.socket_policy import CHANGES_OF_MODE, NO_SOCKETS, SocketPolicy

_LOCAL = "localhost/"
"""Beginning of the deprecated string form of a profile of the node."""
_MOST_BYTES = 1 << 20


def check_seccomp(config: cri.ContainerConfig, sockets: SocketPolicy = NO_SOCKETS) -> None:
    """``sockets``: what the guest does with them. A privileged container has no profile, whatever it names.

    Raises InvalidRequest.
    """
    refused = _refused(config, sockets)
    if refused:
        raise InvalidRequest(
            f"{_subject(config)} refuses {_listed(refused)}, which the process of every WebAssembly guest may call: "
            "allow that without conditions, or use RuntimeDefault, which refuses nearly everything else"
        )


def lets_change_modes(config: cri.ContainerConfig) -> bool:
    """Of files, which no guest needs: a profile that refuses it is kept. Raises InvalidRequest."""
    return not set(CHANGES_OF_MODE).intersection(_refused(config, SocketPolicy(CHANGES_OF_MODE, {})))


def _refused(config: cri.ContainerConfig, sockets: SocketPolicy) -> list[str]:
    path = _path(config)
    try:
        return refused_by(_read(path), sockets) if path else []
    except OSError as error:
        raise InvalidRequest(f"{_subject(config)} cannot be read: {error.strerror}; install it") from error
    except InvalidSpec as error:
        raise InvalidRequest(f"{_subject(config)} is {error}: mend it") from error


def _subject(config: cri.ContainerConfig) -> str:
    return f"seccomp profile {_path(config)} of container {config.metadata.name}"


def _path(config: cri.ContainerConfig) -> str:
    context = config.linux.security_context
    if context.privileged:
        return ""
    if context.seccomp.profile_type == cri.SecurityProfile.Localhost:
        return context.seccomp.localhost_ref.removeprefix(_LOCAL)
    path = context.seccomp_profile_path
    return path.removeprefix(_LOCAL) if path.startswith(_LOCAL) else ""


def _read(path: str) -> bytes:
    """Of what is no file, like a pipe that nobody writes to, nothing is waited for."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidSpec("no file")
        return file.read(_MOST_BYTES)


def _listed(names: list[str]) -> str:
    """The first few."""
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more system calls" if more > 0 else "")
