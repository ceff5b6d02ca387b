"""A store in a folder of its own, and registries on loopback."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.demo_registry import Registry, serving
from image_store.image import Image, Program
from image_store.store import Credentials, ImageStore, StoreSettings

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
        """Names of what is in a folder of the store, or below it."""
        return sorted(str(path.relative_to(self.root / folder)) for path in (self.root / folder).rglob("*"))


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
