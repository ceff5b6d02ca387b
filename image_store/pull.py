"""One pull, from the manifest to the image's record.

    manifest ─▶ (index: the platform's manifest) ─▶ format ─▶ blobs ─▶ merged tree ─▶ compiled code ─▶ record

What it fetched is claimed, so that no garbage collection takes it away before the record is in the catalog. A pull that
fails or is given up lets go of it.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from image_store import formats, image_config, manifest, platforms
from image_store.compiler import Source
from image_store.credentials import Credentials
from image_store.digests import chain_id, digest_of, digest_of_file
from image_store.errors import DigestMismatch, LimitExceeded, ModuleInvalid, ProgramNotFound, UnsupportedImage
from image_store.formats import Artifact, Files
from image_store.image import ImageConfig
from image_store.image_config import ConfigBlob
from image_store.layers import Limits
from image_store.manifest import Descriptor, Index, Manifest
from image_store.parts import Parts
from image_store.program_files import DEFAULT_PATH, Found, find, lying_in, read_header
from image_store.records import ImageRecord, Layer, ProgramRecord
from image_store.references import Reference
from image_store.registry import Registry
from image_store.registry_connection import Sockets
from image_store.resources import blob, code, resources_of, tree
from image_store.wasm_kind import is_precompiled, is_text, kind_of, other_kind

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
        record = await self._known(resolved) or await self._record(data)
        return record._replace(references=record.references | names)

    async def _known(self, resolved: str) -> ImageRecord | None:
        """An image that is there already, and stays: what it needs is claimed before it is looked for again."""
        known = self._parts.inventory.named(resolved)
        if known is None:
            return None
        await self._parts.claim(self._holder, *resources_of(known))
        return self._parts.inventory.named(resolved)

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
            return await self._made_of_files(found, chosen, raw_config)
        return await self._made_of_artifact(digest, found, chosen, raw_config)

    async def _made_of_artifact(self, digest: str, found: Manifest, chosen: Artifact, raw_config: bytes) -> ImageRecord:
        config = self._config_of_artifact(raw_config)
        determined = config is not None and formats.config_determines(chosen, config)
        return _record(found)._replace(
            id=found.config.digest if determined else digest,
            raw_config=b"{}" if config is None else raw_config,
            wasm=chosen.wasm.digest,
            program_name=chosen.name,
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
        path = self._parts.blobs.path(chosen.wasm.digest)
        header = await self._parts.threads.run(partial(read_header, path))
        if is_precompiled(header):
            raise UnsupportedImage(
                f"image {self._name} is {other_kind(header)}: push the WebAssembly that it was made of"
            )
        return await self._compiled(Source(chosen.wasm.digest, path), chosen.name)

    async def _compiled(self, source: Source, name: str) -> ProgramRecord:
        """Used from now on, as far as keeping it ready goes."""
        await self._parts.claim(self._holder, code(source.digest))
        await self._parts.compiler.ensure(source, f"{name} of image {self._name}")
        return ProgramRecord(source.digest, time.time_ns())

    async def _made_of_files(self, found: Manifest, chosen: Files, raw_config: bytes) -> ImageRecord:
        config = image_config.parse(self._name, raw_config)
        layers = self._layers(chosen, config)
        chain = chain_id(config.diff_ids)
        await self._build_tree(chain, layers)
        return _record(found)._replace(
            id=found.config.digest,
            raw_config=raw_config,
            layers=layers,
            chain_id=chain,
            programs=await self._compiled_files(self._parts.trees.path(chain), config.config),
        )

    def _layers(self, chosen: Files, config: ConfigBlob) -> tuple[Layer, ...]:
        if len(chosen.layers) != len(config.diff_ids):
            raise UnsupportedImage(
                f"the config of image {self._name} names {len(config.diff_ids)} layers, but its manifest "
                f"{len(chosen.layers)}: build and push the image again"
            )
        pairs = zip(chosen.layers, config.diff_ids, strict=True)
        return tuple(Layer(descriptor.digest, diff_id) for descriptor, diff_id in pairs)

    async def _build_tree(self, chain: str, layers: tuple[Layer, ...]) -> None:
        """A tree that is there is used again where an image proves that these very layers make it."""
        parts = self._parts
        await parts.claim(self._holder, tree(chain))
        async with parts.locks.hold(chain):
            proven = any(record.layers == layers for record in parts.inventory.records())
            if proven and await parts.threads.run(partial(parts.trees.has, chain)):
                return
            blobs = [(parts.blobs.path(layer.digest), layer) for layer in layers]
            limits = Limits(parts.settings.max_layer_bytes, parts.settings.max_layer_entries)
            work = partial(parts.trees.build, self._name, chain, blobs, limits, self._sockets.check)
            await parts.threads.run_cuttable(self._sockets, work)

    async def _compiled_files(self, root: Path, config: ImageConfig) -> dict[str, ProgramRecord]:
        """The program that the image starts, which must be sound if it is WebAssembly, and what else lies there."""
        programs: dict[str, ProgramRecord] = {}
        main = await self._parts.threads.run(partial(_main_program, self._name, root, config))
        if main is not None:
            programs[main.inside] = await self._compiled(await self._source(main), f"/{main.inside}")
        limit = self._parts.settings.compiled_at_pull
        for other in await self._parts.threads.run(partial(lying_in, root, limit)):
            if other.inside not in programs:
                programs.update(await self._compiled_if_sound(other))
        return programs

    async def _source(self, found: Found) -> Source:
        return Source(await self._parts.threads.run(partial(digest_of_file, found.path)), found.path)

    async def _compiled_if_sound(self, found: Found) -> dict[str, ProgramRecord]:
        """It may be there for another reason than to be run."""
        try:
            record = await self._compiled(await self._source(found), f"/{found.inside}")
        except (ModuleInvalid, LimitExceeded) as error:
            log.info("not compiling a file of an image", image=self._name, file=found.inside, error=str(error))
            return {}
        return {found.inside: record._replace(used_at=0)}


def _record(found: Manifest) -> ImageRecord:
    """What the manifest says of any image."""
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


def _main_program(name: str, root: Path, config: ImageConfig) -> Found | None:
    """What the image starts, if that is WebAssembly. Blocking."""
    command = next(iter((*config.entrypoint, *config.cmd)), "")
    variables = dict(item.split("=", 1) for item in config.env)
    try:
        found = find(root, config.working_dir, command, variables.get("PATH", DEFAULT_PATH))
    except ProgramNotFound:
        return None
    header = read_header(found.path)
    if is_precompiled(header):
        raise UnsupportedImage(
            f'"/{found.inside}" of image {name} is precompiled WebAssembly, which is native code from elsewhere: '
            "put the WebAssembly that it was made of into the image"
        )
    return found if kind_of(header) or is_text(found.path.name, header) else None


async def _all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """At the same time. The first that fails ends the others, and its error is the one that counts."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
