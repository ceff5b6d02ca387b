"""The unix socket of the services: a stale file is replaced, a live server is not."""

import os
import socket
import stat

from cri_server.errors import UnusableSetting

_MOST_BYTES = 107
"""The kernel's room for the path of a unix socket."""
MODE = 0o660


def clear_way(path: str) -> None:
    """Make the socket's directory and remove what a dead server left. Raises UnusableSetting."""
    if len(os.fsencode(path)) > _MOST_BYTES:
        raise UnusableSetting(
            "socket", f"{path} is longer than the {_MOST_BYTES} bytes of a socket's path; choose a shorter one"
        )
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        if os.path.lexists(path):
            _remove_stale(path)
    except OSError as error:
        raise UnusableSetting("socket", f"{path} cannot be made: {error.strerror}; choose another path") from error


def _remove_stale(path: str) -> None:
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise UnusableSetting("socket", f"{path} exists and is not a socket; remove it or choose another path")
    if _is_answered(path):
        raise UnusableSetting("socket", f"a server is listening on {path} already; stop it or choose another path")
    os.unlink(path)


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True
