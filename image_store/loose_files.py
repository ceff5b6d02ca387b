"""WebAssembly in files that belong to no image: what a container has made or mounted, and wasmlet's own.

Such a file may change at any time, or be on a server that does not answer. So it is read by a thread of its own, copied
for the compile process, and known by its digest alone. The digest of one that has not changed is remembered.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from image_store.compiler import Source
from image_store.digests import hex_of
from image_store.disk import disk_errors
from image_store.errors import LimitExceeded, ModuleInvalid
from image_store.facts import COMMAND_ENTRY, Facts
from image_store.image import Program
from image_store.parts import Parts
from image_store.resources import code

_PIECE = 1 << 20
_MOST_REMEMBERED = 512
_MOST_OF_A_HOLDER = 64
"""A container can change its files, and so have code made without end, for as long as it is there."""
_SETTLED_NANOSECONDS = 2_000_000_000
"""A file that changed less than this before may change again without its time showing it."""


class _Stamp(NamedTuple):
    device: int
    inode: int
    size: int
    changed_at: int
    modified_at: int


class LooseFiles:
    def __init__(self, parts: Parts, on_garbage: Callable[[], None]) -> None:
        """``on_garbage`` is called when code is no longer held that may be needed by nobody else."""
        self._parts = parts
        self._on_garbage = on_garbage
        self._used: dict[str, list[str]] = {}
        """Digests by holder, the one used last at the end."""
        self._digests: dict[_Stamp, str] = {}
        self._making: dict[str, asyncio.Task[Facts]] = {}
        """By digest."""

    async def close(self) -> None:
        """End all of it and wait for the end."""
        making = list(self._making.values())
        for each in making:
            each.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def program(self, descriptor: int, name: str, holder: str) -> Program:
        """``descriptor``: of the file, open for reading, the caller's. ``name``: what errors call it. Its code is kept
        until the holder is released, or has used many others since. Raises ModuleInvalid, LimitExceeded, DiskFull,
        StorageFailed."""
        digest = await self._digest(descriptor, name)
        await self._claim(holder, digest)
        source = Source(digest, self._parts.trees.work / f"loose-{hex_of(digest)}")
        facts = self._parts.compiler.verified(digest)
        if facts is None or not self._parts.compiler.is_ready(digest):
            facts = await self._compiled(descriptor, source, name)
        return Program(
            kind=facts.kind,
            digest=digest,
            source=source.path,
            compiled=self._parts.compiler.code_path(digest),
            name=name,
            entry=COMMAND_ENTRY,
            unmet_imports=facts.unmet_imports,
            has_command_entry=facts.is_command,
            accepts=facts.accepts,
            opens_sockets=facts.opens_sockets,
            calls_http=facts.calls_http,
            begins_early=facts.begins_early,
            asks_host=facts.asks_host,
        )

    async def hold(self, descriptor: int, name: str, holder: str) -> None:
        """Keep its code for the holder, if there is any. Raises LimitExceeded, StorageFailed."""
        await self._claim(holder, await self._digest(descriptor, name))

    def release(self, holder: str) -> None:
        self._used.pop(holder, None)
        if self._parts.claims.release(_claimant(holder)):
            self._on_garbage()

    async def _claim(self, holder: str, digest: str) -> None:
        await self._parts.claim(_claimant(holder), code(digest))
        used = self._used.setdefault(holder, [])
        if digest in used:
            used.remove(digest)
        used.append(digest)
        if len(used) > _MOST_OF_A_HOLDER:
            self._parts.claims.remove(_claimant(holder), code(used.pop(0)))
            self._on_garbage()

    async def _digest(self, descriptor: int, name: str) -> str:
        stamp = _stamp(descriptor)
        known = self._digests.get(stamp)
        if known is None:
            self._check_size(stamp.size, name)
            most = self._parts.settings.max_module_bytes
            known = await self._parts.threads.run_alone(partial(_digest, os.dup(descriptor), most, name))
            if stamp == _stamp(descriptor) and time.time_ns() - stamp.changed_at > _SETTLED_NANOSECONDS:
                self._remember(stamp, known)
        return known

    def _remember(self, stamp: _Stamp, digest: str) -> None:
        while len(self._digests) >= _MOST_REMEMBERED:
            self._digests.pop(next(iter(self._digests)))
        self._digests[stamp] = digest

    def _check_size(self, size: int, name: str) -> None:
        most = self._parts.settings.max_module_bytes
        if size > most:
            raise LimitExceeded(
                f"{name} has {size} bytes, more than the {most} that images.max_module_bytes allows: make it smaller, "
                "or raise the limit"
            )

    async def _compiled(self, descriptor: int, source: Source, name: str) -> Facts:
        """A caller that gives up leaves it going, for the next one: a probe would never see its command compiled."""
        making = self._making.get(source.digest)
        if making is None:
            making = asyncio.create_task(self._make(os.dup(descriptor), source, name))
            self._making[source.digest] = making
            making.add_done_callback(lambda made: self._finish(source.digest, made))
        return await asyncio.shield(making)

    def _finish(self, digest: str, made: "asyncio.Task[Facts]") -> None:
        del self._making[digest]
        if not made.cancelled():
            made.exception()  # read, so that asyncio does not report an error that nobody waited for

    async def _make(self, descriptor: int, source: Source, name: str) -> Facts:
        """``descriptor``: is closed."""
        try:
            most = self._parts.settings.max_module_bytes
            copied = await self._parts.threads.run_alone(partial(_copy, descriptor, source.path, most, name))
            if copied != source.digest:
                raise ModuleInvalid(f"{name} was changed while it was read: try again")
            return await self._parts.compiler.ensure(source, name)
        finally:
            source.path.unlink(missing_ok=True)


def _stamp(descriptor: int) -> _Stamp:
    found = os.fstat(descriptor)
    return _Stamp(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns, found.st_mtime_ns)


def _claimant(holder: str) -> str:
    """Apart from what the holder claims otherwise, which may be the same code."""
    return f"files of {holder}"


def _digest(descriptor: int, most: int, name: str) -> str:
    """Of at most so many bytes, for the file may be growing. Closes the descriptor."""
    hasher, offset = hashlib.sha256(), 0
    with disk_errors(name), open(descriptor, "rb", buffering=0):
        while offset < most and (piece := os.pread(descriptor, _PIECE, offset)):
            hasher.update(piece)
            offset += len(piece)
    return f"sha256:{hasher.hexdigest()}"


def _copy(descriptor: int, path: Path, most: int, name: str) -> str:
    """At most so many bytes, for the file may be growing, and their digest. Closes the descriptor."""
    hasher, offset = hashlib.sha256(), 0
    with disk_errors(name), open(descriptor, "rb", buffering=0), path.open("wb") as copy:
        while offset < most and (piece := os.pread(descriptor, _PIECE, offset)):
            copy.write(piece)
            hasher.update(piece)
            offset += len(piece)
    return f"sha256:{hasher.hexdigest()}"
