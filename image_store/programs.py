"""The programs of images: found by the command that names them, compiled, remembered by when they were used."""

import asyncio
import os
import secrets
import time
from functools import lru_cache, partial
from pathlib import Path

import structlog

from image_store import program_files
from image_store.compiler import Source
from image_store.digests import digest_of, digest_of_file, hex_of
from image_store.disk import disk_errors, write_durably
from image_store.errors import ImageStoreError, ProgramNotFound
from image_store.facts import COMMAND_ENTRY, Facts
from image_store.image import Image, Program
from image_store.parts import Parts
from image_store.program_files import Found
from image_store.records import ImageRecord, ProgramRecord
from image_store.resources import blob, code, tree
from image_store.threads import to_the_end

_OF_RUNTIME = "runtime"

_digest_of_text = lru_cache(16)(digest_of)
"""Of texts that are few, and asked for with every command that is executed."""

log = structlog.get_logger()


class Programs:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held: dict[str, Source] = {}
        """By holder."""
        self._changed: dict[tuple[str, str], ProgramRecord] = {}
        """By image and path: what the catalog does not know yet."""
        self._writing_runtime = asyncio.Lock()

    async def program(self, image: Image, command: str, search_path: str) -> Program:
        """Raises ProgramNotFound, NotWebAssembly, ModuleInvalid, LimitExceeded."""
        record = self._parts.inventory.record(image.id)
        if record is None:
            raise ProgramNotFound(f"image {display_name(image)} was removed: pull it again")
        if not record.chain_id:
            return await self._of_artifact(image, record, command)
        found = await self._parts.threads.run(partial(self._find, image, command, search_path))
        return await self._of_file(image, record, found)

    async def _of_artifact(self, image: Image, record: ImageRecord, command: str) -> Program:
        """An artifact has one program, whatever the command calls it."""
        entry = [function for _, function in program_files.readings(command)][-1]
        source = Source(record.wasm, self._parts.blobs.path(record.wasm))
        facts = await self._compiled(source, f"{record.program_name} of image {display_name(image)}")
        return self._program(source, facts, record.program_name, entry)

    def _find(self, image: Image, command: str, search_path: str) -> Found:
        assert image.rootfs is not None, "an image of files has a tree"
        try:
            found = program_files.find(image.rootfs, image.config.working_dir, command, search_path)
        except ProgramNotFound as error:
            raise ProgramNotFound(
                f'image {display_name(image)} has no file "{command}": set command to a program of the image'
            ) from error
        program_files.check_is_wasm(found, display_name(image))
        return found

    async def _of_file(self, image: Image, record: ImageRecord, found: Found) -> Program:
        known = record.programs.get(found.inside)
        digest = known.digest if known else await self._parts.threads.run(partial(digest_of_file, found.path))
        source = Source(digest, found.path)
        facts = await self._compiled(source, f"/{found.inside} of image {display_name(image)}")
        self._note(record.id, found.inside, digest)
        return self._program(source, facts, f"/{found.inside}", found.entry)

    async def _compiled(self, source: Source, subject: str) -> Facts:
        holder = f"program {secrets.token_hex(8)}"
        await self._parts.claim(holder, code(source.digest))
        try:
            return await self._parts.compiler.ensure(source, subject)
        finally:
            self._parts.claims.release(holder)

    def _note(self, image: str, path: str, digest: str) -> None:
        """The program is used now, and as long as its image is there, its code is kept."""
        program = ProgramRecord(digest, time.time_ns())
        if self._parts.inventory.note_program(image, path, program):
            self._changed[image, path] = program

    def take_changed(self) -> dict[tuple[str, str], ProgramRecord]:
        """What the catalog is to be told, once."""
        changed, self._changed = self._changed, {}
        return changed

    async def of_runtime(self, text: bytes, subject: str, holder: str) -> Path:
        """Compiled code of a module of wasmlet's own, kept for the holder. ``text``: its WebAssembly text."""
        digest = _digest_of_text(text)
        await self._parts.claim(holder, code(digest))
        if self._parts.compiler.is_ready(digest):
            return self._parts.compiler.code_path(digest)
        path = self._parts.root / _OF_RUNTIME / f"{hex_of(digest)}.wat"
        async with self._writing_runtime:
            await to_the_end(self._parts.threads.run(partial(_write_once, path, text)))
        await self._parts.compiler.ensure(Source(digest, path), subject)
        return self._parts.compiler.code_path(digest)

    def hold(self, holder: str, image: Image, program: Program) -> None:
        """CRI: a container keeps what it needs of its image when that is removed."""
        claims = self._parts.claims
        claims.add(holder, code(program.digest))
        if image.rootfs is not None:
            claims.add(holder, tree(image.chain_id))
            inside = os.path.relpath(program.source, image.rootfs)
        else:
            claims.add(holder, blob(program.digest))
            inside = ""
        self._held[holder] = Source(program.digest, program.source)
        record = self._parts.inventory.record(image.id)
        if record is not None and inside in record.programs:
            self._note(image.id, inside, program.digest)

    def release(self, holder: str) -> bool:
        """True where something is garbage now."""
        self._held.pop(holder, None)
        released = self._parts.claims.release(holder)
        return not released <= self._parts.inventory.resources() | self._parts.claims.resources()

    async def compiled(self, digest: str) -> Path | None:
        """Current code of a program that is held, or of an image; None where it cannot be made."""
        if self._parts.compiler.is_ready(digest):
            self._parts.observer.looked_up(True)
            return self._parts.compiler.code_path(digest)
        source = next((held for held in self._held.values() if held.digest == digest), None) or self._source(digest)
        if source is None:
            return None
        try:
            await self._compiled(source, str(source.path))
        except ImageStoreError as error:
            log.error("a program cannot be compiled for this engine", program=digest, error=str(error))
            return None
        return self._parts.compiler.code_path(digest)

    def _source(self, digest: str) -> Source | None:
        return next((source for source in self.sources() if source.digest == digest), None)

    def sources(self) -> list[Source]:
        """Of all programs of all images, most recently used first."""
        used = [
            (program.used_at, self._source_of(record, path, program.digest))
            for record in self._parts.inventory.records()
            for path, program in record.programs.items()
        ]
        return [source for _, source in sorted(used, reverse=True)]

    def _source_of(self, record: ImageRecord, path: str, digest: str) -> Source:
        if record.chain_id:
            return Source(digest, self._parts.trees.path(record.chain_id) / path)
        return Source(digest, self._parts.blobs.path(digest))

    def recently_used(self, limit: int) -> list[Program]:
        """Those whose code is known to be right and that can run, each once."""
        used = sorted(
            (
                (program.used_at, record, path, program.digest)
                for record in self._parts.inventory.records()
                for path, program in record.programs.items()
                if program.used_at
            ),
            key=lambda item: item[0],
            reverse=True,
        )
        found: dict[str, Program] = {}
        for _, record, path, digest in used:
            facts = self._parts.compiler.verified(digest)
            if facts is not None and facts.can_start and digest not in found:
                name = f"/{path}" if record.chain_id else record.program_name
                found[digest] = self._program(self._source_of(record, path, digest), facts, name, COMMAND_ENTRY)
        return list(found.values())[:limit]

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
            accepts=facts.accepts,
            asks_host=facts.asks_host,
            opens_sockets=facts.opens_sockets,
            calls_http=facts.calls_http,
            begins_early=facts.begins_early,
            handles_http=facts.handles_http,
        )


def _write_once(path: Path, content: bytes) -> None:
    with disk_errors(str(path)):
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_durably(path, content)


def display_name(image: Image) -> str:
    return next(iter((*image.repo_tags, *image.repo_digests)), image.id)
