"""Which toolbox a server has, and what it is asked for. Executing its commands is tried in ``rpc``."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cri_server import toolbox as places
from cri_server.config import ExecSettings
from cri_server.toolbox import Toolbox
from image_store.errors import ImageStoreError, ProgramNotFound, RegistryUnavailable
from image_store.image import Image, ImageConfig, Program
from tests.cri_server.fakes import ARTIFACT, PROGRAM

REFERENCE = "registry.test/tools:1"


class Images:
    """An image of commands, at a registry that may be down."""

    def __init__(self) -> None:
        self.is_down = False
        self.image: Image | None = None
        self.asked: list[tuple[str, str]] = []
        self.held: list[str] = []

    def get(self, reference: str) -> Image | None:
        return self.image

    async def pull(self, reference: str) -> Image:
        if self.is_down:
            raise RegistryUnavailable(f"{reference} cannot be pulled")
        self.image = replace(ARTIFACT, config=ImageConfig(env=("PATH=/tools",)))
        return self.image

    async def program(self, image: Image, command: str, search_path: str) -> Program:
        self.asked.append((command, search_path))
        if command == "nothing":
            raise ProgramNotFound("it has none")
        return PROGRAM

    async def hold_loose_program(self, descriptor: int, name: str, holder: str) -> None:
        self.held.append(holder)

    async def loose_program(self, descriptor: int, name: str, holder: str) -> Program:
        return PROGRAM


def opened(setting: str, scenario: Callable[[Toolbox, Images], Awaitable[None]]) -> None:
    async def run() -> None:
        images = Images()
        toolbox = Toolbox(setting, cast(Any, images))
        await toolbox.open()
        await scenario(toolbox, images)
        await toolbox.close()

    asyncio.run(run())


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed wheel has it."""
    (tmp_path / "toolbox.wasm").write_bytes(b"\0asm")
    (tmp_path / "commands").write_text("ls\nsh\n")
    monkeypatch.setattr(places, "_PLACES", (tmp_path / "nowhere", tmp_path))


@pytest.mark.usefixtures("built")
def test_wasmlets_own() -> None:
    async def scenario(toolbox: Toolbox, images: Images) -> None:
        assert (toolbox.names, toolbox.programs, images.held) == (("ls", "sh"), 1, ["toolbox"])
        assert toolbox.ready is None
        assert await toolbox.program("nothing") is None
        assert await toolbox.program("sh") == PROGRAM
        assert toolbox.ready == PROGRAM

    opened("builtin", scenario)


@pytest.mark.usefixtures("built")
def test_it_is_made_ready_for_pods() -> None:
    loaded: list[Program] = []

    async def load(program: Program) -> None:
        loaded.append(program)

    async def scenario(toolbox: Toolbox, images: Images) -> None:
        toolbox.warm(load)
        async with asyncio.timeout(60):
            while not loaded:
                await asyncio.sleep(0)

    opened("builtin", scenario)
    assert loaded == [PROGRAM]


def test_wasmlets_own_was_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_PLACES", (tmp_path,))

    async def scenario(toolbox: Toolbox, images: Images) -> None:
        assert await toolbox.program("sh") is None
        assert (toolbox.names, toolbox.programs) == ((), 0)

    opened("builtin", scenario)


def test_none() -> None:
    async def scenario(toolbox: Toolbox, images: Images) -> None:
        assert toolbox.is_off
        assert await toolbox.program("sh") is None

    opened("off", scenario)


def test_an_image() -> None:
    async def scenario(toolbox: Toolbox, images: Images) -> None:
        assert await toolbox.program("sh") == PROGRAM
        assert await toolbox.program("nothing") is None
        assert images.asked == [("sh", "/tools"), ("nothing", "/tools")]

    opened(REFERENCE, scenario)


def test_an_image_that_cannot_be_pulled_yet() -> None:
    async def scenario(toolbox: Toolbox, images: Images) -> None:
        images.is_down = True
        with pytest.raises(ImageStoreError, match="cannot be pulled"):
            await toolbox.program("sh")
        images.is_down = False
        assert await toolbox.program("sh") == PROGRAM

    opened(REFERENCE, scenario)


@pytest.mark.parametrize("setting", ["builtin", "off", "registry.test/tools:1"])
def test_a_setting(setting: str) -> None:
    assert ExecSettings(toolbox=setting).toolbox == setting


def test_a_setting_that_is_none() -> None:
    with pytest.raises(ValueError, match="UPPER"):
        ExecSettings(toolbox="UPPER CASE")
