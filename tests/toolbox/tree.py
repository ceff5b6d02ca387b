"""The toolbox's WebAssembly, and the tree of files of an image that holds it, as a busybox image has its own."""

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.images import tar_of
from tests.prerequisites import require_file

SOURCES = Path(__file__).resolve().parents[2] / "toolbox"
WASM = SOURCES / ".build" / "toolbox.wasm"
COMMANDS = SOURCES / ".build" / "commands"
"""The names of its commands."""

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = """\
root:x:0:
daemon:x:1:
www-data:x:33:
nobody:x:65534:
"""

_PROGRAM = "bin/busybox"
_DIRECTORIES = {
    "bin": 0o755,
    "etc": 0o755,
    "root": 0o700,
    "tmp": 0o1777,
    "var": 0o755,
    "var/run": 0o755,
}


def toolbox() -> bytes:
    """Its WebAssembly. Skips the test where it was not built."""
    return require_file(WASM, "run 'make toolbox', which needs Go").read_bytes()


def commands() -> list[str]:
    """Names of the commands that it holds."""
    return require_file(COMMANDS, "run 'make toolbox', which needs Go").read_text().split()


def tree(files: Mapping[str, str] = {}) -> bytes:
    """A layer: each command a hard link to the one program, so that any can be hidden alone. ``files``: more of them,
    or others in place of those that are always there.
    """
    contents = {"etc/passwd": PASSWD, "etc/group": GROUP, **files}
    directories = {**{os.path.dirname(path): 0o755 for path in contents}, **_DIRECTORIES}
    members = [(_directory(path, mode), b"") for path, mode in sorted(directories.items())]
    members.append(_file(_PROGRAM, toolbox(), 0o755))
    members += [(_link(f"bin/{name}"), b"") for name in commands()]
    members += [_file(path, text.encode(), 0o644) for path, text in contents.items()]
    return tar_of(members)


def _directory(path: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, mode
    return member


def _file(path: str, content: bytes, mode: int) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), mode
    return member, content


def _link(path: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.LNKTYPE, _PROGRAM
    return member
