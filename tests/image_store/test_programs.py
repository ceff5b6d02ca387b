"""Commands name programs of images as users expect, and what is no WebAssembly is refused by what it is."""

import asyncio
import shutil
import tarfile
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store import compiler
from image_store.digests import digest_of
from image_store.engine_key import engine_key
from image_store.errors import LimitExceeded, NotWebAssembly, ProgramNotFound
from image_store.image import Image
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner

HELLO = guest("hello")
EXIT = guest("exit3")
ELF = b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\0" + bytes(40)


@pytest.fixture
def image(runner: StoreRunner, registry: Registry) -> Image:
    way_out = tarfile.TarInfo("way-out.wasm")
    way_out.type, way_out.linkname = tarfile.SYMTYPE, "/../../../../../../etc/passwd"
    loop = tarfile.TarInfo("loop")
    loop.type, loop.linkname = tarfile.SYMTYPE, "loop"
    tool = tarfile.TarInfo("usr/bin/tool")
    tool.type, tool.linkname = tarfile.SYMTYPE, "/opt/tool.wasm"
    links = images.tar_of([(way_out, b""), (loop, b""), (tool, b"")])
    files = {
        "app.wasm": HELLO,
        "opt/tool.wasm": EXIT,
        "opt/a#b.wasm": HELLO,
        "work/local.wasm": EXIT,
        "bin/nginx": ELF,
        "bin/arm": ELF[:18] + b"\xb7\0" + ELF[20:],
        "bin/script": b"#!/bin/sh -e\necho\n",
        "bin/app.exe": b"MZ\x90\0",
        "bin/empty": b"",
        "bin/text": b"hello",
        "bin/future.wasm": b"\0asm\x63\0\0\0",
        "app.cwasm": b"\x7fELF\x02\x01\x01\xc8" + bytes(56),
        "fake.wat": b"not a module",
    }
    pushed = images.push_layers(
        registry.address, "app", [images.tar(files), links], entrypoint=["/app.wasm"], working_dir="/work"
    )
    return runner.pull(pushed.reference)


@pytest.mark.parametrize(
    ("command", "file", "entry"),
    [
        ("/app.wasm", "app.wasm", "_start"),
        ("app.wasm", "app.wasm", "_start"),
        ("./local.wasm", "work/local.wasm", "_start"),
        ("local.wasm", "work/local.wasm", "_start"),
        ("../opt/tool.wasm", "opt/tool.wasm", "_start"),
        ("tool", "opt/tool.wasm", "_start"),
        ("/usr/bin/tool", "opt/tool.wasm", "_start"),
        ("/../../app.wasm", "app.wasm", "_start"),
        ("/app.wasm#serve", "app.wasm", "serve"),
        ("/opt/a#b.wasm", "opt/a#b.wasm", "_start"),
        ("/opt/a#b.wasm#serve", "opt/a#b.wasm", "serve"),
    ],
)
def test_what_a_command_names(runner: StoreRunner, image: Image, command: str, file: str, entry: str) -> None:
    program = runner.program(image, command, "/nowhere:/usr/bin")
    assert image.rootfs is not None
    assert program.source == image.rootfs / file
    assert program.name == f"/{file}"
    assert program.entry == entry
    assert program.has_command_entry == (entry == "_start")


@pytest.mark.parametrize(
    "command",
    ["", "/", "/nothing", "nothing", "/opt", "loop", "/way-out.wasm", "/app.wasm/x", "/app.wasm#", "x" * 5000],
)
def test_what_is_not_there(runner: StoreRunner, image: Image, command: str) -> None:
    with pytest.raises(ProgramNotFound, match=f"image {image.repo_tags[0]} has no file .*: set command to a program"):
        runner.program(image, command)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/bin/nginx", 'program "/bin/nginx" of image .* is a native linux/amd64 executable; this runtime only runs'),
        ("nginx", '"/bin/nginx" of image .* is a native linux/amd64 executable; this runtime only runs WebAssembly'),
        ("/bin/arm", '"/bin/arm" of image .* is a native linux/arm64 executable'),
        ("/bin/script", '"/bin/script" of image .* is a script for /bin/sh -e'),
        ("/bin/app.exe", "is a native windows executable"),
        ("/bin/empty", "is an empty file"),
        ("/bin/text", "is not WebAssembly"),
        ("/bin/future.wasm", "is WebAssembly of an unknown version"),
        ("/app.cwasm", "is precompiled WebAssembly, which is native code from elsewhere"),
        ("/fake.wat", "is not WebAssembly"),
    ],
)
def test_what_is_no_webassembly(runner: StoreRunner, image: Image, command: str, said: str) -> None:
    with pytest.raises(NotWebAssembly, match=said) as refused:
        runner.program(image, command)
    assert f"of image {image.repo_tags[0]}" in str(refused.value)
    assert "use an image that is built for WASI" in str(refused.value)


def test_a_native_image_can_be_pulled(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_wasi_image(
        registry.address, "nginx", {"bin/nginx": ELF}, entrypoint=["/bin/nginx"], platform=("linux", "amd64")
    )
    with pytest.raises(NotWebAssembly):
        runner.program(runner.pull(reference), "/bin/nginx")


def test_the_programs_of_an_image_are_compiled_when_it_is_pulled(
    runner: StoreRunner, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    for command in ("/app.wasm", "/opt/tool.wasm", "/work/local.wasm"):
        assert runner.program(image, command).compiled.exists()


def test_others_are_compiled_when_they_are_used(runner: StoreRunner, registry: Registry) -> None:
    runner.reopen(compiled_at_pull=0)
    files = {"app.wasm": HELLO, "other.wasm": EXIT, "plain": EXIT}
    image = runner.pull(images.push_wasi_image(registry.address, "app", files))
    assert len(runner.files(f"compiled/{engine_key()}")) == 2
    assert runner.program(image, "/other.wasm") == runner.program(image, "/other.wasm")
    runner.program(image, "/plain")
    assert len(runner.files(f"compiled/{engine_key()}")) == 4
    runner.collect()
    assert len(runner.files(f"compiled/{engine_key()}")) == 4


def test_a_module_over_the_limit_is_refused_when_it_is_used(runner: StoreRunner, registry: Registry) -> None:
    runner.reopen(max_module_bytes=10)
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO}, entrypoint=["/other"])
    with pytest.raises(LimitExceeded, match=f"/app.wasm of image {reference} has {len(HELLO)} bytes, more than the 10"):
        runner.program(runner.pull(reference), "/app.wasm")


def test_an_image_that_was_removed_has_no_programs(runner: StoreRunner, image: Image) -> None:
    runner.remove(image.id)
    with pytest.raises(ProgramNotFound, match="was removed: pull it again"):
        runner.program(image, "/app.wasm")


# ---- held by containers --------------------------------------------------------------------------------------------


def test_what_is_held_stays_when_the_image_is_removed(runner: StoreRunner, image: Image) -> None:
    program = runner.program(image, "/app.wasm")
    runner.store.hold("container", image, program)
    runner.remove(image.id)
    runner.collect()
    assert image.rootfs is not None
    assert (image.rootfs / "app.wasm").read_bytes() == HELLO
    assert runner.run(runner.store.compiled(program.digest)) == program.compiled
    runner.store.release("container")
    runner.collect()
    assert not image.rootfs.exists()
    assert not program.compiled.exists()
    assert runner.run(runner.store.compiled(program.digest)) is None


def test_what_is_held_again_after_a_restart_stays(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(images.push_artifact(registry.address, "app", HELLO))
    program = runner.program(image)
    runner.remove(image.id)
    runner.reopen()
    runner.store.hold("container", image, program)
    runner.collect()
    assert program.source.read_bytes() == HELLO
    assert runner.run(runner.store.compiled(program.digest)) == program.compiled


def test_after_an_upgrade_all_is_compiled_again(
    runner: StoreRunner, image: Image, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = runner.pull(images.push_artifact(registry.address, "held", guest("busy")))
    held_program = runner.program(held)
    program = runner.program(image, "/app.wasm")
    runner.remove(held.id)
    monkeypatch.setattr(compiler, "engine_key", lambda: "another")
    runner.reopen()
    runner.store.hold("container", held, held_program)
    runner.collect()
    assert not program.compiled.exists()
    for old in (program, held_program):
        current = runner.run(runner.store.compiled(old.digest))
        assert current is not None
        assert current == runner.root / "compiled/another" / old.compiled.name
        assert current.exists()


def test_an_upgrade_compiles_in_the_background(
    runner: StoreRunner, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "engine_key", lambda: "another")
    runner.reopen()

    async def compiled() -> None:
        while len(runner.files("compiled/another")) < 4:
            await asyncio.sleep(0.01)

    runner.run(compiled())


def test_code_that_was_damaged_is_made_again(runner: StoreRunner, image: Image) -> None:
    program = runner.program(image, "/app.wasm")
    good = program.compiled.read_bytes()
    program.compiled.write_bytes(b"damaged" + good[7:])
    runner.reopen()
    assert runner.run(runner.store.compiled(program.digest)) == program.compiled
    assert program.compiled.read_bytes() == good


def test_code_of_a_program_whose_source_is_lost(runner: StoreRunner, image: Image) -> None:
    program = runner.program(image, "/app.wasm")
    runner.close()
    program.compiled.unlink()
    shutil.rmtree(Path(str(image.rootfs)))
    runner.open()
    assert runner.run(runner.store.compiled(program.digest)) is None


# ---- kept ready ----------------------------------------------------------------------------------------------------


def test_programs_are_kept_ready_by_their_last_use(runner: StoreRunner, registry: Registry) -> None:
    hello = runner.pull(images.push_artifact(registry.address, "hello", HELLO, title="hello.wasm"))
    exit3 = runner.pull(images.push_artifact(registry.address, "exit", EXIT, title="exit.wasm"))
    runner.pull(images.push_artifact(registry.address, "unmet", guest("missing_import")))

    def names(limit: int = 10) -> list[str]:
        return [program.name for program in runner.store.recently_used_programs(limit)]

    assert names() == ["exit.wasm", "hello.wasm"]
    runner.store.hold("container", hello, runner.program(hello))
    assert names() == ["hello.wasm", "exit.wasm"]
    assert names(1) == ["hello.wasm"]
    assert names(0) == []
    runner.reopen()
    assert names() == ["hello.wasm", "exit.wasm"]
    assert runner.store.recently_used_programs(1) == [runner.program(hello)]
    runner.remove(exit3.id)
    assert names() == ["hello.wasm"]


def test_only_what_an_image_starts_is_kept_ready(runner: StoreRunner, image: Image) -> None:
    assert [program.name for program in runner.store.recently_used_programs(10)] == ["/app.wasm"]


def test_a_module_of_wasmlets_own_is_made_once_for_all_who_want_it_at_the_same_time(runner: StoreRunner) -> None:
    async def all_at_once() -> set[Path]:
        wanted = [runner.store.runtime_module(b"(module)", "a shim", "shims") for _ in range(20)]
        return set(await asyncio.gather(*wanted))

    [code] = runner.run(all_at_once())
    assert code.is_file()
    assert runner.files("runtime") == [f"{digest_of(b'(module)').removeprefix('sha256:')}.wat"]
