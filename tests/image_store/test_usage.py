"""How much the images take: told at once, measured in the background."""

import asyncio
import time
from pathlib import Path

from deploy.demo_registry import Registry
from image_store.usage import UsageMeter, of_folder, of_small_folder
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner


def test_it_is_there_from_the_start(runner: StoreRunner) -> None:
    usage = runner.store.usage()
    assert usage.mountpoint == runner.root
    assert usage.mountpoint.is_dir()
    assert usage.used_bytes > 0
    assert usage.inodes_used > 5
    assert usage.timestamp_ns <= time.time_ns()


def test_it_follows(runner: StoreRunner, registry: Registry) -> None:
    runner.reopen(usage_seconds=0.02)
    before = runner.store.usage()
    files = {"app.wasm": guest("hello"), "data": bytes(range(256)) * 4000, "more": b"x"}

    def is_larger() -> bool:
        now = runner.store.usage()
        return now.inodes_used >= before.inodes_used + 5 and now.used_bytes > before.used_bytes + 1_000_000

    async def measured(larger: bool) -> None:
        while is_larger() != larger:
            await asyncio.sleep(0.01)

    runner.collect()
    runner.pull(images.push_wasi_image(registry.address, "app", files))
    runner.run(measured(larger=True))
    assert runner.store.usage().timestamp_ns > before.timestamp_ns
    runner.remove(f"{registry.address}/app")
    runner.run(measured(larger=False))


def test_what_du_would_say(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/file").write_bytes(bytes(10_000))
    (tmp_path / "link").hardlink_to(tmp_path / "dir/file")
    (tmp_path / "soft").symlink_to("/etc")
    taken = of_folder(tmp_path)
    assert taken.inodes == 4
    assert taken.bytes == sum(path.lstat().st_blocks * 512 for path in (tmp_path, *tmp_path.rglob("*"))) - (
        (tmp_path / "link").stat().st_blocks * 512
    )


def test_a_folder_with_too_many_names_is_not_walked_to_its_end(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / str(number)).touch()
    assert of_small_folder(tmp_path, 10) == of_folder(tmp_path)
    assert of_small_folder(tmp_path, 9) is None


def test_trees_are_walked_once(tmp_path: Path) -> None:
    tree = tmp_path / "trees/one"
    tree.mkdir(parents=True)
    meter = UsageMeter(tmp_path, tmp_path / "trees")
    first = meter.measure()
    (tree / "file").write_bytes(bytes(10_000))
    assert meter.measure().inodes_used == first.inodes_used
    (tmp_path / "blob").write_bytes(b"x")
    assert meter.measure().inodes_used == first.inodes_used + 1
    tree.rename(tmp_path / "trees/two")
    assert meter.measure().inodes_used == first.inodes_used + 2
