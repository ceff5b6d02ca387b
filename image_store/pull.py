"""One pull, from the manifest to the image's record.

    manifest ─▶ (index: the platform's manifest) ─▶ format ─▶ blobs ─▶ merged tree ─▶ compiled code ─▶ record

What it fetched is claimed, so that no garbage collection takes it away before the record is in the catalog. A pull that
fails or is given up lets go of it.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any

from image_store import formats, image_config, manifest, platforms
from image_store.credentials import Credentials
from image_store.digests import digest_of
from image_store.errors import DigestMismatch, LimitExceeded, UnsupportedImage
from image_store.formats import Artifact, Files
from image_store.manifest import Descriptor, Index, Manifest
from image_store.parts import Parts
from image_store.pull_artifact import make_artifact
from image_store.pull_files import make_files
from image_store.pull_job import PullJob
from image_store.records import ImageRecord
from image_store.references import Reference
from image_store.registry_hosts import RegistryHosts
from image_store.resources import blob, resources_of


class Pull:
    def __init__(self, parts: Parts, reference: Reference, credentials: Credentials | None) -> None:
        self._parts = parts
        self._reference = reference
        self._job = PullJob(parts, str(reference))
        self._hosts = RegistryHosts(reference, credentials, parts.settings, self._job.sockets)

    def close(self) -> None:
        self._hosts.close()
        self._job.close()

    async def run(self) -> ImageRecord:
        """The image's record with the names that this pull gives it, entered nowhere yet. Raises ImageStoreError."""
        await self._parts.threads.run(self._hosts.open)
        unchanged = await self._unchanged()
        if unchanged is not None:
            return unchanged
        data = await self._manifest(self._reference.target)
        resolved = self._reference.at(digest_of(data))
        record = await self._known(resolved) or await self._record(data)
        return record._replace(references=frozenset({self._job.name, resolved}))

    async def _unchanged(self) -> ImageRecord | None:
        """An image that has its name both here and there. Registries that count pulls do not count the question."""
        if self._parts.inventory.named(self._job.name) is None:
            return None
        ask = partial(self._hosts.announced, self._reference.target)
        announced = await self._parts.threads.ask(self._job.sockets, ask)
        if self._reference.digest not in ("", announced):
            # Not believed: a digest stands for one content only.
            return None
        resolved = self._reference.at(announced)
        record = await self._known(resolved)
        return record._replace(references=frozenset({self._job.name, resolved})) if record is not None else None

    async def _known(self, resolved: str) -> ImageRecord | None:
        """An image that is there already, and stays: what it needs is claimed before it is looked for again."""
        known = self._parts.inventory.named(resolved)
        if known is None:
            return None
        await self._job.claim(*resources_of(known))
        return self._parts.inventory.named(resolved)

    async def _manifest(self, target: str) -> bytes:
        return await self._parts.threads.ask(self._job.sockets, partial(self._hosts.manifest, target))

    async def _record(self, data: bytes) -> ImageRecord:
        found = manifest.parse(self._job.name, data)
        if isinstance(found, Index):
            data = await self._of_platform(found)
            found = manifest.parse(self._job.name, data)
        if isinstance(found, Index):
            raise UnsupportedImage(f"image {self._job.name} is an index of indexes: push it without the outer one")
        chosen = formats.choose(self._job.name, found)
        self._check_sizes(found, chosen)
        await self._fetch(found)
        raw_config = await self._parts.threads.run(partial(self._parts.blobs.read, found.config.digest))
        if isinstance(chosen, Artifact):
            return await make_artifact(self._job, digest_of(data), found, chosen, raw_config)
        return await make_files(self._job, found, chosen, raw_config)

    async def _of_platform(self, index: Index) -> bytes:
        chosen = platforms.choose(self._job.name, index, platforms.host_architecture())
        data = await self._manifest(chosen.digest)
        if len(data) != chosen.size:
            raise DigestMismatch(
                f"the index of image {self._job.name} says {chosen.size} bytes of manifest {chosen.digest}, which has "
                f"{len(data)}: push the image again"
            )
        return data

    def _check_sizes(self, found: Manifest, chosen: Artifact | Files) -> None:
        settings = self._parts.settings
        self._check_size("config", found.config, image_config.MAX_CONFIG_BYTES, "push another one")
        limit, remedy = settings.max_layer_bytes, "make it smaller, or raise images.max_layer_bytes"
        if isinstance(chosen, Artifact):
            limit, remedy = settings.max_module_bytes, "make it smaller, or raise images.max_module_bytes"
        for layer in found.layers:
            self._check_size("layer", layer, limit, remedy)

    def _check_size(self, what: str, part: Descriptor, limit: int, remedy: str) -> None:
        if part.size > limit:
            raise LimitExceeded(
                f"{what} {part.digest} of image {self._job.name} has {part.size} bytes, more than the {limit} allowed: "
                f"{remedy}"
            )

    async def _fetch(self, found: Manifest) -> None:
        blobs = {part.digest: part for part in (found.config, *found.layers)}
        await self._job.claim(*(blob(digest) for digest in blobs))
        await _all_of(self._fetch_blob(part) for part in blobs.values())

    async def _fetch_blob(self, part: Descriptor) -> None:
        parts = self._parts
        async with parts.locks.hold(part.digest):
            if await parts.threads.run(partial(parts.blobs.has, part.digest, part.size)):
                return
            async with self._job.downloads:
                fetch = partial(parts.blobs.fetch, blob=part)
                await parts.threads.ask(self._job.sockets, partial(self._hosts.content, fetch))
                parts.observer.received(part.size)


async def _all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """At the same time. The first that fails ends the others, and its error is the one that counts."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
