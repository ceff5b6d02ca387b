"""Compilation in bounded processes, and compiled code that is only used when it is right."""

import asyncio
import os
import signal
import sys

import pytest

from image_store import compiler as compiler_module
from image_store.digests import digest_of
from image_store.errors import DigestMismatch, ImageStoreError, LimitExceeded, ModuleInvalid
from image_store.facts import Facts
from tests.guests.compiled import guest
from tests.image_store.compile_processes import compile_processes
from tests.image_store.conftest import Workshop

HELLO = guest("hello")


def large_module(functions: int = 1, instructions: int = 100_000) -> bytes:
    """Takes seconds and half a gigabyte to compile."""
    body = b"\x20\0\x41\x01\x6a\x21\0" * instructions + b"\x20\0\x0b"
    code = leb(len(body) + 1) + b"\0" + body
    return b"".join(
        (
            b"\0asm\x01\0\0\0",
            section(1, b"\x01\x60\x01\x7f\x01\x7f"),
            section(3, leb(functions) + b"\0" * functions),
            section(10, leb(functions) + code * functions),
        )
    )


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + leb(len(content)) + content


def leb(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def test_code_and_facts(workshop: Workshop) -> None:
    facts = workshop.compile(HELLO)
    assert facts.kind == "module"
    assert facts.is_command
    assert facts.unmet_imports == ()
    assert facts.has_entry("_start")
    assert not facts.has_entry("serve")
    assert facts.code_digest == digest_of(workshop.compiler.code_path(digest_of(HELLO)).read_bytes())
    assert workshop.files() == [".cwasm", ".json"]
    assert workshop.compiler.root.stat().st_mode & 0o777 == 0o700


def test_it_is_compiled_once(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.compile(HELLO)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert workshop.compile(HELLO).is_command


def test_compilations_of_the_same_are_shared_and_of_others_are_bounded(workshop: Workshop) -> None:
    modules = [HELLO + b"\0\x02\x01" + bytes([number]) for number in range(3)]
    compiler = workshop.made(parallel_compilations=1)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(compile_processes()))
            await asyncio.sleep(0.005)

    async def compile_all() -> list[Facts]:
        watching = asyncio.create_task(watch())
        sources = [workshop.source(module) for module in modules * 2]
        try:
            return await asyncio.gather(*(compiler.ensure(source, "the app") for source in sources))
        finally:
            watching.cancel()

    assert len(set(map(id, workshop.runner.run(compile_all())))) == 3
    assert most == 1


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (b"", "magic"),
        (b"\0asm\x01\0\0\0\x0a\xff\xff", "unexpected end|invalid"),
        (b"\0asm\x0d\0\x01\0\xff", "unexpected|invalid|malformed"),
        (b"\0asm\x99\0\0\0", "version"),
        (b"#!/bin/sh\n", "magic"),
        (guest("hello")[:-5], "unexpected end"),
    ],
)
def test_what_is_not_valid(workshop: Workshop, wasm: bytes, reason: str) -> None:
    with pytest.raises(ModuleInvalid, match=rf"the app is not valid WebAssembly \(.*({reason}).*\): build it again"):
        workshop.compile(wasm)
    assert workshop.files() == []


def test_text_is_not_taken_for_webassembly_by_accident(workshop: Workshop) -> None:
    with pytest.raises(ModuleInvalid):
        workshop.compile(b'(module (func (export "_start")))')
    source = workshop.source(b'(module (func (export "_start")))', "app.wat")
    assert workshop.runner.run(workshop.compiler.ensure(source, "the app")).is_command


def test_a_compilation_that_takes_too_long(workshop: Workshop) -> None:
    with pytest.raises(
        LimitExceeded, match="the compilation of the app takes longer than the 0.3 s that compile.seconds"
    ):
        workshop.compile(large_module(), compile_seconds=0.3)
    assert workshop.files() == []


def test_a_compilation_that_takes_too_much_memory(workshop: Workshop) -> None:
    with pytest.raises(LimitExceeded, match="takes more than the 64 MiB that compile.memory_bytes allows"):
        workshop.compile(large_module(), compile_memory_bytes=64 << 20)
    assert workshop.files() == []


def test_a_module_that_is_too_large(workshop: Workshop) -> None:
    with pytest.raises(LimitExceeded, match=f"the app has {len(HELLO)} bytes, more than the 10 that images.max_module"):
        workshop.compile(HELLO, max_module_bytes=10)


def test_a_compilation_that_nobody_waits_for_ends(workshop: Workshop) -> None:
    async def give_up() -> None:
        compiling = asyncio.create_task(workshop.compiler.ensure(workshop.source(large_module()), "the app"))
        while not compile_processes():
            await asyncio.sleep(0.01)
        compiling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await compiling
        while compile_processes():
            await asyncio.sleep(0.01)

    workshop.runner.run(give_up())
    assert workshop.files() == []


def test_a_compile_process_that_is_killed(workshop: Workshop) -> None:
    async def kill() -> None:
        compiling = asyncio.create_task(workshop.compiler.ensure(workshop.source(large_module()), "the app"))
        while not compile_processes():
            await asyncio.sleep(0.01)
        os.kill(compile_processes()[0], signal.SIGKILL)
        await compiling

    with pytest.raises(ImageStoreError, match="the compilation of the app was killed, as the kernel does when memory"):
        workshop.runner.run(kill())
    assert workshop.runner.run(workshop.compiler.ensure(workshop.source(HELLO), "the app")).is_command


def test_a_compile_process_that_cannot_be_started(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(workshop.root / "nothing"))
    with pytest.raises(ImageStoreError, match="the compilation of the app cannot be started .*No such file"):
        workshop.compile(HELLO)


def test_a_source_that_was_damaged(workshop: Workshop) -> None:
    source = workshop.source(HELLO)
    source.path.write_bytes(HELLO + b"\0\x02\x01x")
    with pytest.raises(DigestMismatch, match="was damaged on the disk: remove the image and pull it again"):
        workshop.runner.run(workshop.compiler.ensure(source, "the app"))


@pytest.mark.parametrize("damaged", [".cwasm", ".json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"damaged", None])
def test_code_that_was_damaged_is_made_again(workshop: Workshop, damaged: str, content: bytes | None) -> None:
    facts = workshop.compile(HELLO)
    path = workshop.compiler.code_path(facts.code_digest).with_name(digest_of(HELLO)[7:] + damaged)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert workshop.compiler.check(digest_of(HELLO)) is None
    assert workshop.compile(HELLO) == facts
    assert workshop.compiler.check(digest_of(HELLO)) == facts


def test_another_engine_has_other_code(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.compile(HELLO)
    monkeypatch.setattr(compiler_module, "engine_key", lambda: "other")
    assert workshop.made().check(digest_of(HELLO)) is None


def test_what_an_interrupted_compilation_left_is_removed(workshop: Workshop) -> None:
    (workshop.compiler.folder / "abc.cwasm.new").write_bytes(b"half")
    workshop.made()
    assert workshop.files() == []
