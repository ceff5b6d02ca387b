"""Paths inside a tree of files, as a process that had the tree as its root would see them."""

import errno
import os
import stat

_MOST_LINKS = 40


def resolve(root: str, path: str, follow_last: bool = True) -> str:
    """The host's path for ``path`` below ``root``: symbolic links and ``..`` never lead out. What is not there may
    stand at the end of it. Raises OSError (ELOOP)."""
    done: list[str] = []
    ahead = path.split("/")[::-1]
    links = 0
    while ahead:
        component = ahead.pop()
        if component in ("", "."):
            continue
        if component == "..":
            done = done[:-1]
            continue
        candidate = "/".join((root, *done, component))
        if (ahead or follow_last) and _is_link(candidate):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(candidate)
            done = [] if target.startswith("/") else done
            ahead += target.split("/")[::-1]
        else:
            done.append(component)
    return "/".join((root, *done))


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False
