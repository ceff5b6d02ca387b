"""Unpacks a layer over the layers below it, into one tree. Blocking: for threads.

Names are taken as they would be by a process that had the tree as its root: a symbolic link of a lower layer is
followed, but never out of the tree, and a name that climbs is refused. Device nodes and named pipes are left out:
WebAssembly can do nothing with them. Owners, modes and times are kept, extended attributes are not.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from image_store.contained_path import resolve
from image_store.disk import remove_tree
from image_store.tar_stream import BrokenArchive, Entry, TarStream
from image_store.unpacked import TooLarge, Unpacked

_WHITEOUT = ".wh."
_WHITEOUT_META = ".wh..wh."
_OPAQUE = ".wh..wh..opq"
_DEEPEST = 255
_LARGEST_ID = 2**32 - 2
_IMPLIED_MODE = 0o755
"""Of a directory that no entry describes."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(NamedTuple):
    bytes: int
    entries: int


def unpack(layer: IO[bytes], tree: Path, limits: Limits, check: Callable[[], None]) -> str:
    """The diff id of what was unpacked. ``check`` is called often and raises to give up.

    Raises BrokenArchive, TooLarge, OSError.
    """
    content = Unpacked(layer, limits.bytes, check)
    archive = TarStream(content)
    writer = _Writer(str(tree), limits.entries)
    for entry in archive:
        writer.write(entry, archive)
    writer.finish()
    return content.diff_id()


class _Writer:
    def __init__(self, root: str, entries: int) -> None:
        self._root = root
        self._entries_left = entries
        self._made: set[str] = set()
        """Paths of this layer's own entries, which its whiteouts do not hide."""
        self._directories: dict[str, Entry] = {}
        self._parents: dict[str, str] = {"": root}
        self._is_root = os.geteuid() == 0

    def write(self, entry: Entry, archive: TarStream) -> None:
        self._count()
        parent_name, base = _split(entry.name)
        if not base:
            self._take_root(entry)
        elif base.startswith(_WHITEOUT):
            self._white_out(parent_name, base)
        elif entry.kind != "device":
            path = f"{self._parent(parent_name)}/{base}"
            self._write(entry, path, archive)
            self._made.add(path)

    def _take_root(self, entry: Entry) -> None:
        if entry.kind != "directory":
            raise BrokenArchive(f"{entry.name!r} would replace the root of the image")
        self._directories[self._root] = entry

    def _count(self) -> None:
        self._entries_left -= 1
        if self._entries_left < 0:
            raise TooLarge

    def _write(self, entry: Entry, path: str, archive: TarStream) -> None:
        if entry.kind == "directory":
            self._make_directory(entry, path)
        elif entry.kind == "file":
            self._clear(path)
            self._make_file(entry, path, archive)
        elif entry.kind == "symlink":
            self._clear(path)
            os.symlink(entry.link, path)
            self._parents = {"": self._root}
            self._set_owner_and_time(entry, path)
        else:
            self._make_hard_link(entry, path)

    def _make_directory(self, entry: Entry, path: str) -> None:
        if not _is_directory(path):
            self._clear(path)
            os.mkdir(path, 0o700)
        # Its time changes with what is put into it, so all is set at the end.
        self._directories[path] = entry

    def _make_file(self, entry: Entry, path: str, archive: TarStream) -> None:
        descriptor = os.open(path, _NEW_FILE, 0o600)
        with open(descriptor, "wb") as file:
            for piece in archive.content():
                file.write(piece)
        self._set_owner_and_time(entry, path)
        os.chmod(path, entry.mode)

    def _make_hard_link(self, entry: Entry, path: str) -> None:
        parent_name, base = _split(entry.link)
        target = f"{self._existing_parent(parent_name)}/{base}"
        if not base or not os.path.lexists(target) or _is_directory(target):
            raise BrokenArchive(f"{entry.name!r} is a hard link to {entry.link!r}, which is no file of the image")
        if target != path:
            self._clear(path)
            os.link(target, path, follow_symlinks=False)

    def _set_owner_and_time(self, entry: Entry, path: str) -> None:
        if max(entry.uid, entry.gid) > _LARGEST_ID:
            raise BrokenArchive(f"{entry.name!r} has owner {entry.uid}:{entry.gid}, which does not exist")
        if self._is_root:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

    def _clear(self, path: str) -> None:
        """Make room for an entry that replaces what a lower layer, or an earlier entry, put there."""
        if _is_directory(path):
            remove_tree(Path(path))
            self._parents = {"": self._root}
        elif os.path.lexists(path):
            os.unlink(path)
            self._parents = {"": self._root}

    def _parent(self, name: str) -> str:
        """The directory of that name, made where it is missing."""
        known = self._parents.get(name)
        if known is None:
            known = self._existing_parent(name)
            self._make_missing(known)
            self._parents[name] = known
        return known

    def _existing_parent(self, name: str) -> str:
        return self._parents.get(name) or resolve(self._root, name)

    def _make_missing(self, path: str) -> None:
        if path[len(self._root) :].count("/") > _DEEPEST:
            raise BrokenArchive(f"it holds directories more than {_DEEPEST} deep")
        missing = []
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        if not _is_directory(path):
            raise BrokenArchive(f"{path[len(self._root) :]!r} is a file, and also a directory with files in it")
        for directory in reversed(missing):
            self._count()
            os.mkdir(directory)
            # As it is, whatever the server's umask.
            os.chmod(directory, _IMPLIED_MODE)

    def _white_out(self, parent_name: str, base: str) -> None:
        parent = self._existing_parent(parent_name)
        if base == _OPAQUE:
            self._hide_content(parent)
        elif not base.startswith(_WHITEOUT_META):
            hidden = base.removeprefix(_WHITEOUT)
            if hidden in ("", ".", ".."):
                raise BrokenArchive(f"{parent_name + '/' + base!r} hides no name")
            self._hide(f"{parent}/{hidden}")

    def _hide_content(self, directory: str) -> None:
        if _is_directory(directory):
            for name in os.listdir(directory):
                self._hide(f"{directory}/{name}")

    def _hide(self, path: str) -> None:
        """Remove what lower layers have there."""
        self._parents = {"": self._root}
        if _is_directory(path):
            self._hide_content(path)
            if path not in self._made and not os.listdir(path):
                os.rmdir(path)
        elif path not in self._made and os.path.lexists(path):
            os.unlink(path)

    def finish(self) -> None:
        for path, entry in self._directories.items():
            if self._is_still_there(path):
                self._set_owner_and_time(entry, path)
                os.chmod(path, entry.mode)

    def _is_still_there(self, directory: str) -> bool:
        """A later entry may have put a link in its place, or in that of one above it: then the path leads elsewhere."""
        name = directory[len(self._root) :]
        return resolve(self._root, name) == directory and _is_directory(directory)


def _split(name: str) -> tuple[str, str]:
    """Directory and last component. Raises BrokenArchive for a name that climbs."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BrokenArchive(f'{name!r} leads out of the image with ".."')
    return "/".join(parts[:-1]), parts[-1] if parts else ""


def _is_directory(path: str) -> bool:
    """Not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
