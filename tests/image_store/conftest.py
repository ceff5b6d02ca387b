"""A store in a folder of its own, and registries on loopback."""

import asyncio
import itertools
import os
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.demo_registry import Registry, serving
from image_store.compiler import Compiler, Source
from image_store.digests import digest_of
from image_store.facts import Facts
from image_store.image import Image, Program
from image_store.store import Credentials, ImageStore, StoreSettings
from image_store.threads import Threads
from tests.image_store.compile_processes import compile_processes

Result = TypeVar("Result")

QUICK: dict[str, Any] = {"registry_backoff_seconds": 0.01}


class StoreRunner:
    """A store and the event loop it lives in: the loop turns while something is run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = StoreSettings(**QUICK)
        self._runner = asyncio.Runner()
        self._store: ImageStore | None = None

    @property
    def store(self) -> ImageStore:
        assert self._store is not None
        return self._store

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    def open(self, **settings: Any) -> "StoreRunner":
        self.settings = StoreSettings(**{**QUICK, **settings})
        self._store = self.run(ImageStore.open(self.root, self.settings))
        return self

    def close(self) -> None:
        if self._store is not None:
            self.run(self._store.close())
            self._store = None

    def reopen(self, **settings: Any) -> "StoreRunner":
        self.close()
        return self.open(**settings)

    def end(self) -> None:
        self.close()
        self._runner.close()

    def pull(self, reference: str, credentials: Credentials | None = None) -> Image:
        return self.run(self.store.pull(reference, credentials))

    def remove(self, reference: str) -> None:
        self.run(self.store.remove(reference))

    def collect(self) -> None:
        self.run(self.store.collect_garbage())

    def program(self, image: Image, command: str = "", search_path: str = "/bin") -> Program:
        return self.run(self.store.program(image, command, search_path))

    def files(self, folder: str) -> list[str]:
        """Names of what is in a folder of the store, or below it, where it is still there."""
        found = [Path(above, name) for above, *names in os.walk(self.root / folder) for name in itertools.chain(*names)]
        return sorted(str(path.relative_to(self.root / folder)) for path in found)


class Workshop:
    """A compiler, the loop it lives in, and sources for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.threads = Threads()
        self.runner = asyncio.Runner()
        self.compiler = self.made()

    def made(self, **settings: Any) -> Compiler:
        compiler = Compiler(self.root, StoreSettings(**settings), self.threads)
        compiler.open()
        return compiler

    def source(self, wasm: bytes, name: str = "app.wasm") -> Source:
        path = self.root / f"{digest_of(wasm)[7:20]}-{name}"
        path.write_bytes(wasm)
        return Source(digest_of(wasm), path)

    def compile(self, wasm: bytes, **settings: Any) -> Facts:
        compiler = self.made(**settings)
        try:
            return self.runner.run(compiler.ensure(self.source(wasm), "the app"))
        finally:
            self.runner.run(compiler.close())

    def files(self) -> list[str]:
        return sorted(path.suffix for path in self.compiler.folder.iterdir())


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[StoreRunner]:
    runner = StoreRunner(tmp_path / "images")
    try:
        yield runner.open()
    finally:
        runner.end()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as registry:
        yield registry


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    try:
        yield workshop
    finally:
        workshop.runner.run(workshop.compiler.close())
        workshop.runner.close()
        workshop.threads.close()
        assert compile_processes() == []
