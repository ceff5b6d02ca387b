"""Compiled code on the disk, by the digest of its WebAssembly, and the processes that make it.

The code of one engine is in one folder that only root can enter. A file is used only after its digest was found right,
once in each server: wasmtime runs what is in it as native code.
"""

import asyncio
import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from image_store import errors
from image_store.compile_request import Request
from image_store.digests import digest_of_file, hex_of
from image_store.disk import disk_errors
from image_store.engine_key import engine_key
from image_store.engine_settings import ENVIRONMENT
from image_store.errors import ImageStoreError, LimitExceeded, ModuleInvalid
from image_store.facts import Facts
from image_store.observer import StoreObserver, timed
from image_store.settings import StoreSettings
from image_store.shared_work import SharedWork
from image_store.threads import Threads

_MOST_THREADS = 4
_MEBIBYTE = 1 << 20

log = structlog.get_logger()


class Source(NamedTuple):
    """WebAssembly to compile."""

    digest: str
    path: Path

    @property
    def is_text(self) -> bool:
        """WebAssembly's text form. A blob has no name that would say so, and is never that."""
        return self.path.suffix == ".wat"


class Compiler:
    UNFINISHED = ".new"
    """Suffix of files that the compile process is writing."""

    def __init__(
        self, root: Path, settings: StoreSettings, threads: Threads, observer: StoreObserver | None = None
    ) -> None:
        self.root = root / "compiled"
        self.folder = self.root / engine_key()
        self._settings = settings
        self._threads = threads
        self._observer = observer or StoreObserver()
        self.processes = 0
        """How many there are."""
        self._turns = asyncio.Semaphore(settings.parallel_compilations)
        self._in_background = asyncio.Semaphore(1)
        self._compilations: SharedWork[str, Facts] = SharedWork()
        self._verified: dict[str, Facts] = {}

    def open(self) -> None:
        """Blocking."""
        with disk_errors("compiled code"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for leftover in self.folder.glob(f"*{self.UNFINISHED}"):
                leftover.unlink()

    async def close(self) -> None:
        await self._compilations.close()

    def code_path(self, digest: str) -> Path:
        return self.folder / f"{hex_of(digest)}.cwasm"

    def facts_path(self, digest: str) -> Path:
        return self.folder / f"{hex_of(digest)}.json"

    def verified(self, digest: str) -> Facts | None:
        """Of code that this server has found right. No I/O."""
        return self._verified.get(digest)

    def is_ready(self, digest: str) -> bool:
        """Whether this server has found the code right and it is still there. A single look at the disk."""
        return digest in self._verified and self.code_path(digest).exists()

    def code_size(self, digest: str) -> int:
        """In bytes, 0 where there is none. Blocking."""
        try:
            return self.code_path(digest).stat().st_size
        except OSError:
            return 0

    async def ensure(self, source: Source, subject: str, in_background: bool = False) -> Facts:
        """Have it compiled. ``subject``: what errors call it. ``in_background``: one after the other, beside those that
        somebody waits for. Raises ModuleInvalid, LimitExceeded, DiskFull."""
        turns = self._in_background if in_background else self._turns
        return await self._compilations.run(source.digest, lambda: self._ensure(source, subject, turns))

    async def _ensure(self, source: Source, subject: str, turns: asyncio.Semaphore) -> Facts:
        facts = await self._threads.run(partial(self.check, source.digest))
        self._observer.looked_up(facts is not None)
        if facts is None:
            async with turns:
                facts = await self._compile(source, subject)
        self._verified[source.digest] = facts
        return facts

    def check(self, digest: str) -> Facts | None:
        """Facts of code that is there and right. Blocking."""
        known = self._verified.get(digest)
        code = self.code_path(digest)
        if known is not None and code.exists():
            return known
        try:
            facts = Facts.decoded(self.facts_path(digest).read_bytes())
            if digest_of_file(code) == facts.code_digest:
                self._verified[digest] = facts
                return facts
            log.warning("compiled code was damaged on the disk and is made again", program=digest)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            log.warning("compiled code cannot be used and is made again", program=digest, error=str(error))
        return None

    async def _compile(self, source: Source, subject: str) -> Facts:
        await self._threads.run(partial(self._check_size, source, subject))
        log.info("compiling", program=source.digest, subject=subject)
        with timed(self._observer.compiled), self._without_leftovers(source.digest):
            status, output, complaint = await self._run(self._request(source), subject)
            return _outcome(status, output, complaint, subject, self._settings)

    def _check_size(self, source: Source, subject: str) -> None:
        with disk_errors(subject):
            size = source.path.stat().st_size
        if size > self._settings.max_module_bytes:
            raise LimitExceeded(
                f"{subject} has {size} bytes, more than the {self._settings.max_module_bytes} that "
                "images.max_module_bytes allows: make it smaller, or raise the limit"
            )

    def _request(self, source: Source) -> Request:
        return Request(
            source=str(source.path),
            digest=source.digest,
            is_text=source.is_text,
            code_path=str(self.code_path(source.digest)),
            facts_path=str(self.facts_path(source.digest)),
            memory_bytes=self._settings.compile_memory_bytes,
            cpu_seconds=math.ceil(self._settings.compile_seconds * _threads()),
            server=os.getpid(),
        )

    @contextlib.contextmanager
    def _without_leftovers(self, digest: str) -> Iterator[None]:
        try:
            yield
        finally:
            for path in (self.code_path(digest), self.facts_path(digest)):
                path.with_name(path.name + self.UNFINISHED).unlink(missing_ok=True)

    async def _run(self, request: Request, subject: str) -> tuple[int, bytes, bytes]:
        try:
            process = await _start(request)
        except OSError as error:
            raise ImageStoreError(
                f"the compilation of {subject} cannot be started ({error}): see what the machine is short of"
            ) from error
        self.processes += 1
        try:
            async with asyncio.timeout(self._settings.compile_seconds):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            raise _too_slow(subject, self._settings) from error
        finally:
            await _end(process)
            self.processes -= 1
        return process.returncode or 0, output, complaint


async def _start(request: Request) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "image_store.compile_process", json.dumps(request._asdict())),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            **ENVIRONMENT,
            "MALLOC_ARENA_MAX": "2",
            "RAYON_NUM_THREADS": str(_threads()),
            "RUST_BACKTRACE": "0",
        },
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """To the end of its output: what is still to be closed of it then would outlive the event loop."""
    if process.returncode is None:
        process.kill()
        await process.communicate()


def _threads() -> int:
    """Each takes address space, and the machine has other work."""
    return min(_MOST_THREADS, os.cpu_count() or 1)


def _outcome(status: int, output: bytes, complaint: bytes, subject: str, settings: StoreSettings) -> Facts:
    if status == -signal.SIGXCPU:
        raise _too_slow(subject, settings)
    if status == -signal.SIGABRT and b"memory allocation" in complaint:
        raise _too_large(subject, settings)
    if status == -signal.SIGKILL:
        raise ImageStoreError(
            f"the compilation of {subject} was killed, as the kernel does when memory is short: "
            "free some on this machine, and try again"
        )
    if status != 0:
        words = complaint.decode("utf-8", "replace").strip().splitlines()
        reason = words[-1][:300] if words else f"status {status}"
        raise ImageStoreError(f"the compilation of {subject} failed ({reason}): try again, or report it")
    answer: dict[str, Any] = json.loads(output)
    if "facts" in answer:
        return Facts.decoded(answer["facts"].encode())
    raise _error(answer["error"], answer["text"], subject, settings)


def _error(kind: str, text: str, subject: str, settings: StoreSettings) -> ImageStoreError:
    if kind == LimitExceeded.__name__:
        return _too_large(subject, settings)
    if kind == ModuleInvalid.__name__:
        return ModuleInvalid(f"{subject} is not valid WebAssembly ({text}): build it again")
    known: type[ImageStoreError] = getattr(errors, kind)
    return known(text)


def _too_slow(subject: str, settings: StoreSettings) -> LimitExceeded:
    return LimitExceeded(
        f"the compilation of {subject} takes longer than the {settings.compile_seconds:g} s that compile.seconds "
        "allows: make it smaller, or raise the limit"
    )


def _too_large(subject: str, settings: StoreSettings) -> LimitExceeded:
    return LimitExceeded(
        f"the compilation of {subject} takes more than the {settings.compile_memory_bytes // _MEBIBYTE} MiB that "
        "compile.memory_bytes allows: make it smaller, or raise the limit"
    )
