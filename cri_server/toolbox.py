"""The toolbox: a shell and small commands for containers that have none, as one WebAssembly program.

    builtin             wasmlet's own, of which the names of the commands are known
    an image            of files: each command is a program on its PATH; an artifact: it is every command
    off                 none

It is compiled and cached as any image is, in the background of the server's start; whoever needs it earlier waits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

import structlog

from cri_server import container_process
from image_store.errors import ImageStoreError, ProgramNotFound
from image_store.image import Image, Program
from image_store.store import ImageStore

BUILTIN, OFF = "builtin", "off"

_PLACES = (
    Path(__file__).resolve().parent / "toolbox_files",
    Path(__file__).resolve().parent.parent / "toolbox" / ".build",
)
"""In an installed wheel; where ``make toolbox`` leaves it."""
_PROGRAM, _COMMANDS = "toolbox.wasm", "commands"
_HOLDER = "toolbox"
_NAME = "the toolbox"

log = structlog.get_logger()


class Toolbox:
    def __init__(self, setting: str, images: ImageStore) -> None:
        self._setting = setting
        self._images = images
        self._folder: Path | None = None
        self._names: tuple[str, ...] = ()
        self._warming: asyncio.Task[None] | None = None
        self.ready: Program | None = None
        """wasmlet's own, once it is compiled."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its commands, as far as they are known."""
        return self._names

    @property
    def programs(self) -> int:
        """How many the zygote holds ready for it."""
        return 1 if self._folder is not None else 0

    @property
    def is_off(self) -> bool:
        return self._setting == OFF

    async def open(self) -> None:
        """What an earlier server has compiled is kept from now on. Raises ImageStoreError."""
        if self._setting != BUILTIN:
            return
        self._folder = next((folder for folder in _PLACES if (folder / _PROGRAM).exists()), None)
        if self._folder is None:
            log.warning("there is no toolbox: exec finds what containers have themselves; 'make toolbox' builds it")
            return
        self._names = tuple((self._folder / _COMMANDS).read_text(encoding="utf-8").split())
        with self._opened() as file:
            await self._images.hold_loose_program(file.fileno(), _NAME, _HOLDER)

    def warm(self, load: Callable[[Program], Awaitable[None]]) -> None:
        """Compile it in the background, then have ``load`` make it ready for pods to come."""
        self._warming = asyncio.create_task(self._warm(load))

    async def close(self) -> None:
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)

    async def _warm(self, load: Callable[[Program], Awaitable[None]]) -> None:
        try:
            if self._folder is not None:
                await load(await self._builtin())
            elif self._setting not in (BUILTIN, OFF):
                await self._image()
        except ImageStoreError as error:
            log.error("the toolbox is not ready: the next exec that needs it tries again", error=str(error))

    async def program(self, command: str) -> Program | None:
        """What runs the command, a name without slashes; None where it has none such. Raises ImageStoreError."""
        if self._setting == BUILTIN:
            return await self._builtin() if command in self._names else None
        return None if self.is_off else await self._of_image(command)

    async def _builtin(self) -> Program:
        with self._opened() as file:
            self.ready = await self._images.loose_program(file.fileno(), _NAME, _HOLDER)
        return self.ready

    async def _of_image(self, command: str) -> Program | None:
        image = await self._image()
        path = dict(item.partition("=")[::2] for item in image.config.env).get("PATH", container_process.DEFAULT_PATH)
        try:
            return await self._images.program(image, command, path)
        except ProgramNotFound:
            return None

    async def _image(self) -> Image:
        return self._images.get(self._setting) or await self._images.pull(self._setting)

    def _opened(self) -> BinaryIO:
        assert self._folder is not None, "it has names only where it has a program"
        return (self._folder / _PROGRAM).open("rb")
