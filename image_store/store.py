"""The images of a node: pulled from registries, compiled, kept, handed to containers, and thrown away.

    root/images.db              which images there are (catalog)
    root/blobs/sha256/          what registries sent, by digest
    root/trees/                 merged trees of layers, by chain id
    root/compiled/<engine>/     compiled code, by digest of its WebAssembly
    root/runtime/               text of modules of wasmlet's own, by digest
    root/ingest/, root/work/    under way; emptied at the start
    root/set-aside/             what was damaged

Questions are answered from memory. A change is on the disk before it is in memory, and in memory before its call
returns.
"""

from functools import partial
from pathlib import Path

import structlog

from image_store import references
from image_store.blobs import Blobs
from image_store.catalog import Catalog
from image_store.compiler import Compiler
from image_store.credentials import Credentials
from image_store.disk import disk_errors, sync_filesystem
from image_store.image import Image, Program
from image_store.image_files import ImageFiles, files_of
from image_store.inventory import Inventory
from image_store.loose_files import LooseFiles
from image_store.observer import StoreObserver, timed
from image_store.parts import Parts
from image_store.programs import Programs
from image_store.pull import Pull
from image_store.records import ImageRecord
from image_store.references import Reference
from image_store.resources import Resource
from image_store.settings import StoreSettings
from image_store.shared_work import SharedWork
from image_store.start import sound_images
from image_store.threads import Threads, to_the_end
from image_store.trees import Trees
from image_store.upkeep import Upkeep
from image_store.usage import Usage

__all__ = ["Credentials", "Image", "ImageFiles", "ImageStore", "Program", "Resource", "StoreSettings", "Usage"]

_VERIFIED_AT_START = 256 << 20

log = structlog.get_logger()


class ImageStore:
    """Made by ``open``."""

    def __init__(self, parts: Parts, catalog: Catalog) -> None:
        self._parts = parts
        self._catalog = catalog
        self._programs = Programs(parts)
        self._upkeep = Upkeep(parts, catalog, self._programs)
        self._loose = LooseFiles(parts, self._upkeep.want_collection)
        self._pulls: SharedWork[tuple[Reference, Credentials | None], Image] = SharedWork()

    @classmethod
    async def open(cls, root: Path, settings: StoreSettings, observer: StoreObserver | None = None) -> "ImageStore":
        """What an interrupted pull left is dropped, what is damaged is set aside. Raises DiskFull, StorageFailed."""
        parts = _parts(root, settings, observer or StoreObserver())
        catalog = await parts.threads.run(partial(_open_folders, parts))
        find = partial(sound_images, root, catalog, parts.blobs, parts.trees)
        for record in await parts.threads.run(find):
            parts.inventory.put(record)
        store = cls(parts, catalog)
        await parts.threads.run(store._verify_recent)
        await store._upkeep.open()
        return store

    def _verify_recent(self) -> None:
        """What new pods are likely to need is ready at once, the rest in the background. Blocking."""
        left = _VERIFIED_AT_START
        for source in self._programs.sources():
            left -= self._parts.compiler.code_size(source.digest)
            if left < 0:
                return
            self._parts.compiler.check(source.digest)

    async def close(self) -> None:
        await self._pulls.close()
        await self._loose.close()
        await self._upkeep.close()
        await self._parts.compiler.close()
        self._parts.threads.close()
        self._catalog.close()

    async def pull(self, reference: str, credentials: Credentials | None = None) -> Image:
        """The image that the reference names now, complete. Raises ImageStoreError.

        Calls for the same share the work. Cancelled, the last of them ends it, and nothing is left of it.
        """
        wanted = references.parse(reference)
        return await self._pulls.run((wanted, credentials), lambda: self._pull(wanted, credentials))

    async def _pull(self, reference: Reference, credentials: Credentials | None) -> Image:
        pull = Pull(self._parts, reference, credentials)
        try:
            with timed(self._parts.observer.pulled):
                record = await pull.run()
                return await to_the_end(self._enter(record))
        except BaseException:
            self._upkeep.want_collection()
            raise
        finally:
            pull.close()

    async def _enter(self, record: ImageRecord) -> Image:
        """Other names it keeps as it has them now: while it was pulled, one may have been given to another image."""
        parts = self._parts
        async with parts.changing:
            known = parts.inventory.record(record.id)
            if known is not None:
                record = record._replace(
                    references=record.references | known.references, programs={**record.programs, **known.programs}
                )
            if record != known:
                await parts.threads.run(partial(self._catalog.put, record))
            if known is not None and known.blobs != record.blobs:
                # The same files, packed in another way: what they came in before is garbage.
                self._upkeep.want_collection()
            return parts.inventory.put(record)

    def get(self, reference: str) -> Image | None:
        """By id, unique beginning of an id, or name; None where there is none. No I/O. Raises InvalidReference."""
        return self._parts.inventory.get(reference)

    def images(self) -> tuple[Image, ...]:
        """In the order of their ids. No I/O."""
        return self._parts.inventory.images()

    async def remove(self, reference: str) -> None:
        """CRI: the image with all its names; one that is not there is no error. Containers keep what they hold.

        Raises InvalidReference, StorageFailed.
        """
        await to_the_end(self._remove(reference))

    async def _remove(self, reference: str) -> None:
        async with self._parts.changing:
            image = self.get(reference)
            if image is not None:
                await self._parts.threads.run(partial(self._catalog.remove, image.id))
                self._parts.inventory.remove(image.id)
        self._upkeep.want_collection()

    def usage(self) -> Usage:
        """As it was measured last. No I/O."""
        return self._upkeep.usage

    @property
    def compile_processes(self) -> int:
        """How many there are. No I/O."""
        return self._parts.compiler.processes

    async def program(self, image: Image, command: str, search_path: str) -> Program:
        """What ``command`` (argv[0]) names in the image, compiled. ``search_path``: the value of PATH.

        ``file#function`` starts that function. An artifact is its only program, whatever the command calls it.
        Raises ProgramNotFound, NotWebAssembly, ModuleInvalid, LimitExceeded.
        """
        return await self._programs.program(image, command, search_path)

    async def runtime_module(self, text: bytes, subject: str, holder: str) -> Path:
        """Compiled code of a module of wasmlet's own, from its WebAssembly text; made once, kept until ``release``.

        Raises DiskFull, StorageFailed, LimitExceeded.
        """
        return await self._programs.of_runtime(text, subject, holder)

    async def loose_program(self, descriptor: int, name: str, holder: str) -> Program:
        """WebAssembly in a file of no image, compiled; its code is kept until ``release``, or until the holder has used
        many others since. ``descriptor``: of the file, open for reading, the caller's. ``name``: what errors call it.

        Raises ModuleInvalid, LimitExceeded, DiskFull, StorageFailed.
        """
        return await self._loose.program(descriptor, name, holder)

    async def hold_loose_program(self, descriptor: int, name: str, holder: str) -> None:
        """Keep code that an earlier server has made of it. Raises as ``loose_program``."""
        await self._loose.hold(descriptor, name, holder)

    async def compiled(self, program_digest: str) -> Path | None:
        """Verified code for this engine of a program that is held or of an image; None where it cannot be made."""
        return await self._programs.compiled(program_digest)

    def hold(self, holder: str, image: Image, program: Program) -> None:
        """Keep the image's files and the program's code for a container, also when the image is removed.

        In memory: after a start it is to be said again, before ``collect_garbage``.
        """
        self._programs.hold(holder, image, program)

    def files(self, image: Image) -> ImageFiles | None:
        """What a container that mounts the image finds in it; None where it was removed. No I/O."""
        return files_of(self._parts, image.id)

    def hold_files(self, holder: str, *resources: Resource) -> None:
        """Keep what a container has mounted of images, beside what ``hold`` keeps for it, and as that does."""
        self._parts.claims.add(holder, *resources)

    def release(self, holder: str) -> None:
        """The container is gone."""
        self._loose.release(holder)
        if self._programs.release(holder):
            self._upkeep.want_collection()

    async def collect_garbage(self) -> None:
        """Delete what nothing needs. Called once after a start, it is done by the store itself from then on."""
        await self._upkeep.collect()

    def recently_used_programs(self, limit: int) -> list[Program]:
        """Those that can run and whose code is verified, most recently used first. No I/O."""
        return self._programs.recently_used(limit)


def _parts(root: Path, settings: StoreSettings, observer: StoreObserver) -> Parts:
    threads = Threads()
    trees = Trees(root)
    return Parts(
        root=root,
        settings=settings,
        blobs=Blobs(root),
        trees=trees,
        compiler=Compiler(root, settings, threads, observer),
        inventory=Inventory(trees.folder, [str(references.parse(name)) for name in settings.pinned]),
        threads=threads,
        observer=observer,
    )


def _open_folders(parts: Parts) -> Catalog:
    is_new = not parts.root.exists()
    with disk_errors(str(parts.root)):
        parts.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts.blobs.open()
    parts.trees.open()
    parts.compiler.open()
    catalog = Catalog(parts.root)
    if is_new:
        sync_filesystem(parts.root)
    return catalog
