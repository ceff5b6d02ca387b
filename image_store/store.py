"""The images of a node: pulled from registries, compiled, kept, handed to containers, and thrown away.

    root/images.db              which images there are (catalog)
    root/blobs/sha256/          what registries sent, by digest
    root/trees/                 merged trees of layers, by chain id
    root/compiled/<engine>/     compiled code, by digest of its WebAssembly
    root/ingest/, root/work/    under way; emptied at the start
    root/set-aside/             what was damaged

Questions are answered from memory. A change is on the disk before it is in memory, and in memory before its call
returns.
"""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from image_store import references
from image_store.blobs import Blobs
from image_store.catalog import Catalog
from image_store.compiler import Compiler, Source
from image_store.credentials import Credentials
from image_store.disk import disk_errors
from image_store.facts import COMMAND_ENTRY, Facts
from image_store.image import Image, Program
from image_store.inventory import Inventory
from image_store.parts import Parts
from image_store.pull import Pull
from image_store.records import ImageRecord
from image_store.references import Reference
from image_store.resources import Claims, code
from image_store.settings import StoreSettings
from image_store.shared_work import SharedWork
from image_store.threads import Threads
from image_store.usage import Usage, of_folder

__all__ = ["Credentials", "Image", "ImageStore", "Program", "StoreSettings", "Usage"]

log = structlog.get_logger()

Result = TypeVar("Result")


class ImageStore:
    def __init__(self, parts: Parts, catalog: Catalog) -> None:
        self._parts = parts
        self._catalog = catalog
        self._pulls: SharedWork[tuple[Reference, Credentials | None], Image] = SharedWork()
        self._changing = asyncio.Lock()

    @classmethod
    async def open(cls, root: Path, settings: StoreSettings) -> "ImageStore":
        threads = Threads()
        await threads.run(partial(_make_root, root))
        parts = Parts(
            root=root,
            settings=settings,
            blobs=Blobs(root),
            compiler=Compiler(root, settings, threads),
            inventory=Inventory(root / "trees", (str(references.parse(name)) for name in settings.pinned)),
            claims=Claims(),
            threads=threads,
            downloads=asyncio.Semaphore(settings.concurrent_pulls),
        )
        await threads.run(parts.compiler.open)
        catalog = await threads.run(partial(Catalog, root))
        for record in await threads.run(catalog.load):
            parts.inventory.put(record)
        return cls(parts, catalog)

    async def close(self) -> None:
        await self._pulls.close()
        await self._parts.compiler.close()
        self._catalog.close()
        self._parts.threads.close()

    async def pull(self, reference: str, credentials: Credentials | None = None) -> Image:
        wanted = references.parse(reference)
        return await self._pulls.run((wanted, credentials), lambda: self._pull(wanted, credentials))

    async def _pull(self, reference: Reference, credentials: Credentials | None) -> Image:
        pull = Pull(self._parts, reference, credentials)
        try:
            record = await pull.run()
            return await self._commit(record)
        finally:
            pull.close()

    async def _commit(self, record: ImageRecord) -> Image:
        async with self._changing:
            known = self._parts.inventory.record(record.id)
            if known is not None:
                record = record._replace(references=record.references | known.references)
            await self._parts.threads.run(partial(self._catalog.put, record))
            return self._parts.inventory.put(record)

    def get(self, reference: str) -> Image | None:
        return self._parts.inventory.get(reference)

    def images(self) -> tuple[Image, ...]:
        return self._parts.inventory.images()

    async def remove(self, reference: str) -> None:
        async with self._changing:
            image = self.get(reference)
            if image is not None:
                await self._parts.threads.run(partial(self._catalog.remove, image.id))
                self._parts.inventory.remove(image.id)

    def usage(self) -> Usage:
        taken = of_folder(self._parts.root)
        return Usage(self._parts.root, taken.bytes, taken.inodes, time.time_ns())

    async def program(self, image: Image, command: str, search_path: str) -> Program:
        record = self._parts.inventory.record(image.id)
        assert record is not None
        source = Source(record.wasm, self._parts.blobs.path(record.wasm))
        facts = await self._parts.compiler.ensure(source, record.program_name)
        _, _, entry = command.partition("#")
        return self._program(source, facts, record.program_name, entry or COMMAND_ENTRY)

    def _program(self, source: Source, facts: Facts, name: str, entry: str) -> Program:
        return Program(
            kind=facts.kind,
            digest=source.digest,
            source=source.path,
            compiled=self._parts.compiler.code_path(source.digest),
            name=name,
            entry=entry,
            unmet_imports=facts.unmet_imports,
            has_command_entry=facts.has_entry(entry),
        )

    async def compiled(self, program_digest: str) -> Path | None:
        facts = await self._parts.threads.run(partial(self._parts.compiler.check, program_digest))
        return self._parts.compiler.code_path(program_digest) if facts is not None else None

    def hold(self, holder: str, image: Image, program: Program) -> None:
        self._parts.claims.add(holder, code(program.digest))

    def release(self, holder: str) -> None:
        self._parts.claims.release(holder)

    async def collect_garbage(self) -> None:
        pass

    def recently_used_programs(self, limit: int) -> list[Program]:
        return []


def _make_root(root: Path) -> None:
    with disk_errors(str(root)):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
