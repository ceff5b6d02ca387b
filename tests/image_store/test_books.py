"""Many clients at once, some of whom give up: in the end nothing is missing and nothing is left over."""

import asyncio
import random

import pytest

from deploy.demo_registry import Registry
from image_store.errors import ProgramNotFound
from image_store.image import Image
from tests import images
from tests.guests.compiled import guest
from tests.image_store.compile_processes import compile_processes
from tests.image_store.conftest import StoreRunner

CLIENTS = 6
STEPS = 25


class Client:
    """Pulls, runs and removes as it likes. A container's files and code must stay while it holds them."""

    def __init__(self, name: str, runner: StoreRunner, references: list[str], dice: random.Random) -> None:
        self._name = name
        self._runner = runner
        self._references = references
        self._dice = dice

    async def run(self) -> None:
        for step in range(STEPS):
            reference = self._dice.choice(self._references)
            work = self._dice.choice([self._pull, self._pull, self._give_up, self._remove, self._contain])
            await work(reference, f"{self._name}-{step}")

    async def _pull(self, reference: str, _: str) -> Image:
        return await self._runner.store.pull(reference)

    async def _give_up(self, reference: str, _: str) -> None:
        pulling = asyncio.create_task(self._runner.store.pull(reference))
        await asyncio.sleep(self._dice.random() * 0.02)
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)

    async def _remove(self, reference: str, _: str) -> None:
        await self._runner.store.remove(reference)

    async def _contain(self, reference: str, container: str) -> None:
        store = self._runner.store
        image = await store.pull(reference)
        try:
            program = await store.program(image, "/app.wasm", "/bin")
        except ProgramNotFound:
            return
        if store.get(image.id) is None:
            return
        store.hold(container, image, program)
        await asyncio.sleep(self._dice.random() * 0.03)
        assert program.source.exists()
        assert await store.compiled(program.digest) == program.compiled
        assert program.compiled.exists()
        store.release(container)


@pytest.mark.parametrize("seed", range(3))
def test_the_books_balance(runner: StoreRunner, registry: Registry, seed: int) -> None:
    address = registry.address
    shared = {"app.wasm": guest("hello"), "data": bytes(50_000)}
    references = [
        images.push_wasi_image(address, "one", shared),
        images.push_wasi_image(address, "two", shared, cmd=["x"]),
        images.push_wasi_image(address, "three", {"app.wasm": guest("exit3")}),
        images.push_artifact(address, "four", guest("exit3")),
    ]
    runner.collect()

    async def all_clients() -> None:
        dice = random.Random(seed)
        clients = [Client(str(n), runner, references, random.Random(dice.random())) for n in range(CLIENTS)]
        await asyncio.gather(*(client.run() for client in clients))

    runner.run(all_clients())
    for reference in references:
        runner.program(runner.pull(reference), "/app.wasm")
        runner.remove(reference)
    runner.collect()
    assert [runner.files(name) for name in ("blobs/sha256", "trees", "ingest", "work")] == [[], [], [], []]
    assert [name for name in runner.files("compiled") if "/" in name] == []
    assert compile_processes() == []
