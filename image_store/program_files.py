"""Finds the program that a command names in a tree of files, and the WebAssembly that lies in it.

Blocking: for threads.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from image_store.contained_path import resolve
from image_store.errors import NotWebAssembly, ProgramNotFound
from image_store.facts import COMMAND_ENTRY
from image_store.wasm_kind import HEADER_BYTES, is_text, kind_of, other_kind

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUFFIX = ".wasm"


class Found(NamedTuple):
    path: Path
    """On the host."""
    inside: str
    """From the root of the tree, without a slash in front."""
    entry: str
    """Name of the function that is to run."""


def find(tree: Path, working_dir: str, command: str, search_path: str) -> Found:
    """The file that ``command`` names, as a shell would find it; ``file#function`` names a function of it too.

    ``search_path``: the value of PATH. Raises ProgramNotFound.
    """
    for name, entry in readings(command):
        for candidate in _candidates(name, working_dir, search_path):
            path = _regular_file(str(tree), candidate)
            if path is not None:
                return Found(path, str(path.relative_to(tree)), entry)
    raise ProgramNotFound(f'the image has no file "{command}": set command to a program of the image')


def readings(command: str) -> Iterator[tuple[str, str]]:
    """File and function that a command may mean. A file may have a ``#`` in its name."""
    yield command, COMMAND_ENTRY
    name, hash_sign, function = command.rpartition("#")
    if hash_sign and name and function:
        yield name, function


def _candidates(name: str, working_dir: str, search_path: str) -> Iterator[str]:
    if name.startswith("/"):
        yield name
        return
    if "/" not in name:
        yield from (f"{folder}/{name}" for folder in search_path.split(":") if folder)
    # Makers of WebAssembly images write "app.wasm" for a file beside the working directory's others, or in the root.
    yield f"{working_dir}/{name}"
    yield f"/{name}"


def _regular_file(tree: str, name: str) -> Path | None:
    try:
        path = resolve(tree, name)
        return Path(path) if stat.S_ISREG(os.stat(path, follow_symlinks=False).st_mode) else None
    except OSError:
        return None


def check_is_wasm(found: Found, image: str) -> None:
    """Raises NotWebAssembly."""
    header = read_header(found.path)
    if kind_of(header) is None and not is_text(found.path.name, header):
        raise NotWebAssembly(
            f'program "/{found.inside}" of image {image} is {other_kind(header)}; this runtime only runs WebAssembly: '
            "use an image that is built for WASI, or another node"
        )


def read_header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)


def lying_in(tree: Path, limit: int) -> list[Found]:
    """At most ``limit`` files named ``*.wasm`` that are WebAssembly, always the same of one tree."""
    found: list[Found] = []
    for folder, directories, files in os.walk(tree):
        directories.sort()
        for name in sorted(files):
            if len(found) == limit:
                return found
            path = Path(folder, name)
            if name.endswith(_SUFFIX) and _is_module_file(path):
                found.append(Found(path, str(path.relative_to(tree)), COMMAND_ENTRY))
    return found


def _is_module_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and kind_of(read_header(path)) is not None
