"""One pull, from the manifest to the image's record.

    manifest ─▶ (index: the platform's manifest) ─▶ format ─▶ blobs ─▶ merged tree ─▶ compiled code ─▶ record

What it fetched is claimed, so that no garbage collection takes it away before the record is in the catalog. A pull that
fails or is given up lets go of it.
"""

import asyncio
import secrets
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any

import structlog

from image_store import formats, image_config, manifest, platforms
from image_store.compiler import Source
from image_store.credentials import Credentials
from image_store.digests import digest_of
from image_store.errors import DigestMismatch, LimitExceeded, UnsupportedImage
from image_store.formats import Artifact, Files
from image_store.image_config import ConfigBlob
from image_store.manifest import Descriptor, Index, Manifest
from image_store.parts import Parts
from image_store.records import ImageRecord, ProgramRecord
from image_store.references import Reference
from image_store.registry import Registry
from image_store.registry_connection import Sockets
from image_store.resources import blob, code

log = structlog.get_logger()


class Pull:
    def __init__(self, parts: Parts, reference: Reference, credentials: Credentials | None) -> None:
        self._parts = parts
        self._reference = reference
        self._name = str(reference)
        self._holder = f"pull {secrets.token_hex(8)}"
        self._sockets = Sockets()
        self._registry = Registry(reference, credentials, parts.settings, self._sockets)

    def close(self) -> None:
        self._registry.close()
        self._parts.claims.release(self._holder)

    async def run(self) -> ImageRecord:
        """The image's record with the names that it has now, entered nowhere yet. Raises ImageStoreError."""
        data = await self._manifest(self._reference.target)
        resolved = self._reference.at(digest_of(data))
        names = frozenset((str(self._reference), resolved))
        known = self._parts.inventory.named(resolved)
        if known is not None:
            return known._replace(references=known.references | names)
        record = await self._record(data)
        return record._replace(references=names)

    async def _manifest(self, target: str) -> bytes:
        return await self._parts.threads.run_cuttable(self._sockets, partial(self._registry.manifest, target))

    async def _record(self, data: bytes) -> ImageRecord:
        found = manifest.parse(self._name, data)
        if isinstance(found, Index):
            data = await self._of_platform(found)
            found = manifest.parse(self._name, data)
        if isinstance(found, Index):
            raise UnsupportedImage(f"image {self._name} is an index of indexes: push it without the outer one")
        chosen = formats.choose(self._name, found)
        self._check_sizes(found, chosen)
        await self._fetch(found)
        return await self._made(digest_of(data), found, chosen)

    async def _of_platform(self, index: Index) -> bytes:
        chosen = platforms.choose(self._name, index, platforms.host_architecture())
        data = await self._manifest(chosen.digest)
        if len(data) != chosen.size:
            raise DigestMismatch(
                f"the index of image {self._name} says {chosen.size} bytes of manifest {chosen.digest}, which has "
                f"{len(data)}: push the image again"
            )
        return data

    def _check_sizes(self, found: Manifest, chosen: Artifact | Files) -> None:
        settings = self._parts.settings
        if found.config.size > image_config.MAX_CONFIG_BYTES:
            raise self._too_large("config", found.config, image_config.MAX_CONFIG_BYTES, "push another one")
        name, limit = "images.max_layer_bytes", settings.max_layer_bytes
        if isinstance(chosen, Artifact):
            name, limit = "images.max_module_bytes", settings.max_module_bytes
        for layer in found.layers:
            if layer.size > limit:
                raise self._too_large("layer", layer, limit, f"make it smaller, or raise {name}")

    def _too_large(self, what: str, part: Descriptor, limit: int, remedy: str) -> LimitExceeded:
        return LimitExceeded(
            f"{what} {part.digest} of image {self._name} has {part.size} bytes, more than the {limit} allowed: {remedy}"
        )

    async def _fetch(self, found: Manifest) -> None:
        blobs = {part.digest: part for part in (found.config, *found.layers)}
        await self._parts.claim(self._holder, *(blob(digest) for digest in blobs))
        await _all_of(self._fetch_blob(part) for part in blobs.values())

    async def _fetch_blob(self, part: Descriptor) -> None:
        parts = self._parts
        async with parts.locks.hold(part.digest):
            if await parts.threads.run(partial(parts.blobs.has, part.digest, part.size)):
                return
            async with parts.downloads:
                await parts.threads.run_cuttable(self._sockets, partial(parts.blobs.fetch, self._registry, part))

    async def _made(self, digest: str, found: Manifest, chosen: Artifact | Files) -> ImageRecord:
        raw_config = await self._parts.threads.run(partial(self._parts.blobs.read, found.config.digest))
        if isinstance(chosen, Files):
            raise UnsupportedImage("files")
        config = self._config_of_artifact(raw_config)
        return ImageRecord(
            id=found.config.digest if config and formats.config_determines(chosen, config) else digest,
            size=sum({part.digest: part.size for part in (found.config, *found.layers)}.values()),
            raw_config=raw_config if config else b"{}",
            annotations=found.annotations,
            blobs={part.digest: part.size for part in (found.config, *found.layers)},
            layers=(),
            chain_id="",
            wasm=chosen.wasm.digest,
            program_name=chosen.name,
            references=frozenset(),
            programs={"": await self._compiled_artifact(chosen)},
        )

    def _config_of_artifact(self, raw_config: bytes) -> ConfigBlob | None:
        """Makers of artifacts put into their config what they like."""
        try:
            return image_config.parse(self._name, raw_config)
        except UnsupportedImage as error:
            log.info("ignoring the config of an artifact", image=self._name, error=str(error))
            return None

    async def _compiled_artifact(self, chosen: Artifact) -> ProgramRecord:
        digest = chosen.wasm.digest
        await self._parts.claim(self._holder, code(digest))
        source = Source(digest, self._parts.blobs.path(digest))
        await self._parts.compiler.ensure(source, f"{chosen.name} of image {self._name}")
        return ProgramRecord(digest, 0)


async def _all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """At the same time. The first that fails ends the others, and its error is the one that counts."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
