"""Who a container runs as: the pod's security context over the image's ``USER``, names looked up in the image's own
files.

CRI: a user name that the image does not know is an error, and so is a group without a user.
"""

import os
from pathlib import Path
from typing import NamedTuple

from sandbox import syscalls
from sandbox.errors import InvalidSpec

_HIGHEST_ID = (1 << 32) - 2
_DIGITS = 10
"""Of the largest number that may be one."""
_MOST_BYTES = 4 << 20
"""Of a file of users: the server reads it whole."""


class Identity(NamedTuple):
    uid: int
    gid: int
    groups: list[int]
    """All groups of the process, the primary one first."""


class _User(NamedTuple):
    name: str
    uid: int
    gid: int


def resolve_identity(
    rootfs: Path | None,
    image_user: str,
    run_as_user: int | None,
    run_as_username: str,
    run_as_group: int | None,
    supplemental_groups: list[int],
    strict: bool,
) -> Identity:
    """``rootfs``: the image's files, None when it has none. ``strict``: leave out the groups that the image gives
    the user.
    """
    if run_as_user is not None and run_as_username:
        raise InvalidSpec("run_as_user and run_as_username are both set: set one of them")
    if run_as_group is not None and run_as_user is None and not run_as_username:
        raise InvalidSpec("run_as_group is set without run_as_user or run_as_username: set the user, too")
    name, _, image_group = image_user.partition(":")
    explicit = run_as_username or (str(run_as_user) if run_as_user is not None else "")
    user = _find_user(rootfs, explicit or name or "0")
    gid = user.gid
    if run_as_group is not None:
        gid = run_as_group
    elif image_group and not explicit:
        gid = _find_group(rootfs, image_group)
    memberships = [] if strict else _memberships(rootfs, user.name)
    groups = list(dict.fromkeys([gid, *memberships, *supplemental_groups]))
    for number in (user.uid, *groups):
        _check_id(number)
    return Identity(user.uid, gid, groups)


def _check_id(number: int) -> None:
    """The kernel takes the highest number for "leave it as it is", which is root."""
    if not 0 <= number <= _HIGHEST_ID:
        raise InvalidSpec(f"{number} is no user or group: name one from 0 to {_HIGHEST_ID} in pod and image")


def _find_user(rootfs: Path | None, user: str) -> _User:
    """A number is never taken for a name: else an image that calls root "1000" had that user's rights."""
    numeric = _id(user)
    for fields in _entries(rootfs, "/etc/passwd", 4):
        if fields[0] == user if numeric is None else _id(fields[2]) == numeric:
            return _User(fields[0], _number(fields[2], "/etc/passwd"), _number(fields[3], "/etc/passwd"))
    if numeric is None:
        raise InvalidSpec(
            f"user {user[:100]!r} is not in the image's /etc/passwd: use a numeric run_as_user or another image"
        )
    return _User("", numeric, 0)


def _find_group(rootfs: Path | None, group: str) -> int:
    numeric = _id(group)
    if numeric is not None:
        return numeric
    for fields in _entries(rootfs, "/etc/group", 3):
        if fields[0] == group:
            return _number(fields[2], "/etc/group")
    raise InvalidSpec(
        f"group {group[:100]!r} is not in the image's /etc/group: use a numeric run_as_group or another image"
    )


def _memberships(rootfs: Path | None, name: str) -> list[int]:
    entries = [fields for fields in _entries(rootfs, "/etc/group", 4) if name and name in fields[3].split(",")]
    return [_number(fields[2], "/etc/group") for fields in entries]


def _number(text: str, path: str) -> int:
    number = _id(text)
    if number is None:
        raise InvalidSpec(f"the image's {path} is damaged: {text[:40]!r} is not an id; mend the image")
    return number


def _id(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def _entries(rootfs: Path | None, path: str, least_fields: int) -> list[list[str]]:
    lines = _read_in_root(rootfs, path).splitlines() if rootfs is not None else []
    split = [line.strip().split(":") for line in lines if not line.startswith("#")]
    return [fields for fields in split if len(fields) >= least_fields]


def _read_in_root(rootfs: Path, path: str) -> str:
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = syscalls.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""  # an image without users: numbers only
    finally:
        os.close(root)
    try:
        with open(descriptor, "rb", closefd=False) as file:
            text = file.read(_MOST_BYTES + 1)
    except IsADirectoryError:
        return ""
    finally:
        os.close(descriptor)
    if len(text) > _MOST_BYTES:
        raise InvalidSpec(f"the image's {path} is larger than {_MOST_BYTES} bytes: use another image")
    return text.decode("utf-8", "replace")
