"""What nobody needs is deleted, and only that."""

import asyncio

import pytest

from deploy.demo_registry import Registry
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner
from tests.image_store.registry import bad_registry, on_blobs, stalls

HELLO = guest("hello")


def contents(runner: StoreRunner) -> dict[str, int]:
    return {
        "blobs": len(list((runner.root / "blobs/sha256").iterdir())),
        "trees": len(list((runner.root / "trees").iterdir())),
        "code": len([name for name in runner.files("compiled") if name.endswith(".cwasm")]),
        "unfinished": len(runner.files("work")) + len(runner.files("ingest")),
    }


def test_a_removed_image_leaves_nothing(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO}))
    assert contents(runner) == {"blobs": 2, "trees": 1, "code": 1, "unfinished": 0}
    runner.remove(image.id)
    runner.collect()
    assert contents(runner) == {"blobs": 0, "trees": 0, "code": 0, "unfinished": 0}


def test_what_images_share_stays(runner: StoreRunner, registry: Registry) -> None:
    files = {"app.wasm": HELLO}
    first = runner.pull(images.push_wasi_image(registry.address, "first", files))
    second = runner.pull(images.push_wasi_image(registry.address, "second", files, cmd=["x"]))
    artifact = runner.pull(images.push_artifact(registry.address, "artifact", HELLO))
    assert first.rootfs == second.rootfs
    assert contents(runner) == {"blobs": 5, "trees": 1, "code": 1, "unfinished": 0}
    runner.remove(first.id)
    runner.collect()
    assert contents(runner) == {"blobs": 4, "trees": 1, "code": 1, "unfinished": 0}
    assert runner.program(second, "/app.wasm").compiled.exists()
    runner.remove(second.id)
    runner.collect()
    assert contents(runner) == {"blobs": 2, "trees": 0, "code": 1, "unfinished": 0}
    assert runner.program(artifact).compiled.exists()


def test_nothing_is_collected_before_the_first_call(runner: StoreRunner, registry: Registry) -> None:
    """A restarted server has to say first what its containers hold."""
    image = runner.pull(images.push_artifact(registry.address, "app", HELLO))
    runner.remove(image.id)
    runner.run(asyncio.sleep(0.2))
    assert contents(runner)["code"] == 1


def test_from_then_on_it_is_done_by_itself(runner: StoreRunner, registry: Registry) -> None:
    async def empty() -> None:
        while contents(runner)["blobs"]:
            await asyncio.sleep(0.01)

    runner.collect()
    image = runner.pull(images.push_artifact(registry.address, "app", HELLO))
    runner.store.hold("container", image, runner.program(image))
    runner.remove(image.id)
    runner.run(asyncio.sleep(0.1))
    assert contents(runner)["blobs"] == 1
    runner.store.release("container")
    runner.run(empty())


def test_an_image_that_was_packed_in_another_way_leaves_nothing_of_the_first(
    runner: StoreRunner, registry: Registry
) -> None:
    async def two_left() -> None:
        while contents(runner)["blobs"] > 2:
            await asyncio.sleep(0.01)

    runner.collect()
    ids = set()
    for compression in ("gzip", "zstd", ""):
        pushed = images.push_layers(registry.address, "app", [images.tar({"app.wasm": HELLO})], compression=compression)
        ids.add(runner.pull(pushed.reference).id)
        runner.run(asyncio.wait_for(two_left(), 240))
    assert len(ids) == 1


def test_a_pull_under_way_keeps_what_it_has(runner: StoreRunner) -> None:
    async def collect_meanwhile(reference: str) -> None:
        pulling = asyncio.create_task(runner.store.pull(reference))
        while not runner.files("blobs/sha256"):
            await asyncio.sleep(0.01)
        await runner.store.collect_garbage()
        assert runner.files("blobs/sha256")
        registry.faults.clear()
        registry.released.set()
        await pulling

    with bad_registry() as registry:
        reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO}, compression="")
        layer = max(registry.blobs, key=lambda digest: len(registry.blobs[digest]))
        registry.faults.append(on_blobs(lambda handler: handler.path.endswith(layer) and stalls(handler)))
        runner.run(collect_meanwhile(reference))


def test_code_of_another_engine_is_deleted(runner: StoreRunner) -> None:
    other = runner.root / "compiled/0123456789abcdef"
    other.mkdir()
    (other / "x.cwasm").write_bytes(b"code")
    runner.collect()
    assert not other.exists()


@pytest.mark.parametrize("folder", ["blobs/sha256", "trees"])
def test_what_no_image_accounts_for_is_deleted(runner: StoreRunner, folder: str) -> None:
    stray = runner.root / folder / ("a" * 64)
    stray.mkdir()
    (stray / "file").write_text("x")
    runner.collect()
    assert not stray.exists()
