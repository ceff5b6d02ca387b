import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from image_store import loose_files
from image_store.errors import LimitExceeded, ModuleInvalid
from image_store.settings import StoreSettings
from image_store.store import ImageStore
from tests.guests.compiled import guest

Scenario = Callable[[ImageStore, Path], Awaitable[None]]


def in_store(folder: Path, scenario: Scenario, most_bytes: int = 1 << 20) -> None:
    """With a file, ``program``."""

    async def run() -> None:
        store = await ImageStore.open(folder / "images", StoreSettings(max_module_bytes=most_bytes))
        try:
            await scenario(store, folder / "program")
        finally:
            await store.close()

    asyncio.run(run())


async def compiled(store: ImageStore, file: Path, holder: str = "container") -> Path:
    with file.open("rb") as opened:
        program = await store.loose_program(opened.fileno(), "the program", holder)
    assert program.has_command_entry
    assert program.compiled.exists()
    return program.compiled


def test_its_code_is_kept_by_its_content(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        first = await compiled(store, file)
        assert await compiled(store, file) == first
        file.write_bytes(guest("exit3"))
        assert await compiled(store, file) != first

    in_store(tmp_path, scenario)
    assert list(tmp_path.rglob("loose-*")) == []


def test_the_code_of_those_used_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_files, "_MOST_OF_A_HOLDER", 2)

    async def scenario(store: ImageStore, file: Path) -> None:
        codes = {}
        for name in ("hello", "exit3", "hello", "sleeper"):
            file.write_bytes(guest(name))
            codes[name] = await compiled(store, file)
        await store.collect_garbage()
        assert {name for name, code in codes.items() if code.exists()} == {"hello", "sleeper"}
        file.write_bytes(guest("exit3"))
        await compiled(store, file, "another container")
        store.release("container")
        await store.collect_garbage()
        assert {name for name, code in codes.items() if code.exists()} == {"exit3"}

    in_store(tmp_path, scenario)


def test_a_file_that_grows_is_not_read_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for one that is written to faster than it is read."""
    file = tmp_path / "program"
    file.write_bytes(bytes(5))
    monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: bytes(size))
    with file.open("rb") as opened:
        loose_files._digest(os.dup(opened.fileno()), 3 << 20, "the program")


def test_many_at_once_compile_once(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        assert len(set(await asyncio.gather(*(compiled(store, file) for _ in range(10))))) == 1

    in_store(tmp_path, scenario)
    assert list(tmp_path.rglob("loose-*")) == []


def test_a_file_that_is_old_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_files, "_SETTLED_NANOSECONDS", -1)
    digest, read = loose_files._digest, list[str]()

    def counted(descriptor: int, most: int, name: str) -> str:
        read.append(name)
        return digest(descriptor, most, name)

    monkeypatch.setattr(loose_files, "_digest", counted)

    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        first = await compiled(store, file)
        assert await compiled(store, file) == first
        assert len(read) == 1
        file.write_bytes(guest("exit3"))
        assert await compiled(store, file) != first
        assert len(read) == 2

    in_store(tmp_path, scenario)


def test_it_is_garbage_when_its_holder_is_gone(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        code = await compiled(store, file)
        await store.collect_garbage()
        assert code.exists()
        store.release("container")
        await store.collect_garbage()
        assert not code.exists()
        assert await compiled(store, file) == code

    in_store(tmp_path, scenario)


def test_what_an_earlier_server_has_made_can_be_kept(tmp_path: Path) -> None:
    code: list[Path] = []

    async def first(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        code.append(await compiled(store, file))

    async def second(store: ImageStore, file: Path) -> None:
        with file.open("rb") as opened:
            await store.hold_loose_program(opened.fileno(), "the program", "toolbox")
        await store.collect_garbage()
        assert code[0].exists()

    in_store(tmp_path, first)
    in_store(tmp_path, second)


def test_what_is_no_program(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(b"\0asm\x01\0\0\0broken")
        with pytest.raises(ModuleInvalid, match="the program is not valid WebAssembly"):
            await compiled(store, file)

    in_store(tmp_path, scenario)


def test_one_that_is_too_large(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(bytes(1001))
        with pytest.raises(LimitExceeded, match="has 1001 bytes, more than the 1000"):
            await compiled(store, file)

    in_store(tmp_path, scenario, 1000)


def test_one_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = loose_files._copy

    def changed(descriptor: int, *details: Any) -> str:
        (tmp_path / "program").write_bytes(guest("exit3"))
        return copy(descriptor, *details)

    monkeypatch.setattr(loose_files, "_copy", changed)

    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        with pytest.raises(ModuleInvalid, match="was changed while it was read: try again"):
            await compiled(store, file)

    in_store(tmp_path, scenario)


def test_a_caller_that_gives_up_leaves_it_to_the_next(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        for _ in range(10_000):  # each as impatient as a probe
            compiling = asyncio.create_task(compiled(store, file))
            await asyncio.wait([compiling], timeout=0.05)
            if compiling.done():
                return
            compiling.cancel()
        raise AssertionError("it is compiled for nobody")

    in_store(tmp_path, scenario)
    assert list(tmp_path.rglob("loose-*")) == []


def test_a_store_that_is_closed_meanwhile(tmp_path: Path) -> None:
    async def scenario(store: ImageStore, file: Path) -> None:
        file.write_bytes(guest("hello"))
        compiling = asyncio.create_task(compiled(store, file))
        while not store.compile_processes:
            await asyncio.sleep(0)
        compiling.cancel()

    in_store(tmp_path, scenario)
    assert list(tmp_path.rglob("loose-*")) == []
