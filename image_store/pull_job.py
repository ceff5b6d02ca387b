"""What the steps of one pull share."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from image_store.compiler import Source
from image_store.manifest import Manifest
from image_store.parts import Parts
from image_store.records import ImageRecord, ProgramRecord
from image_store.registry_connection import Sockets
from image_store.resources import Resource, code


@dataclass
class PullJob:
    parts: Parts
    name: str
    """Of the image, for errors."""
    sockets: Sockets = field(default_factory=Sockets)
    holder: str = field(default_factory=lambda: f"pull {secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        # Its own, so that an image whose registry stalls keeps no other one waiting.
        self.downloads = asyncio.Semaphore(self.parts.settings.concurrent_pulls)

    async def claim(self, *resources: Resource) -> None:
        """What was fetched and made stays until the job is over."""
        await self.parts.claim(self.holder, *resources)

    def close(self) -> None:
        self.parts.claims.release(self.holder)

    async def compile(self, source: Source, program: str) -> ProgramRecord:
        """Raises ModuleInvalid, LimitExceeded."""
        await self.claim(code(source.digest))
        await self.parts.compiler.ensure(source, f"{program} of image {self.name}")
        return ProgramRecord(source.digest, time.time_ns())


def record_of(found: Manifest) -> ImageRecord:
    """What a manifest alone says of an image."""
    blobs = {part.digest: part.size for part in (found.config, *found.layers)}
    return ImageRecord(
        id="",
        size=sum(blobs.values()),
        raw_config=b"",
        annotations=found.annotations,
        blobs=blobs,
        layers=(),
        chain_id="",
        wasm="",
        program_name="",
        references=frozenset(),
        programs={},
    )
