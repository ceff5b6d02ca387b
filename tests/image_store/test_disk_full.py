"""A full disk: a clear error, nothing half, and nothing lost. On a small file system of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store.errors import DiskFull
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner
from tests.small_disk import small_disk

HELLO = guest("hello")
_MEBIBYTE = 1 << 20


@pytest.fixture
def full(tmp_path: Path) -> Iterator[StoreRunner]:
    with small_disk(tmp_path / "disk", 4 * _MEBIBYTE) as disk:
        runner = StoreRunner(disk / "images")
        try:
            yield runner.open()
        finally:
            runner.end()


@contextmanager
def space_left(runner: StoreRunner, left: int) -> Iterator[None]:
    """Nearly no space but this many bytes."""
    filler = runner.root.parent / "filler"
    status = os.statvfs(runner.root)
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - left)))
    try:
        yield
    finally:
        filler.unlink()


def noise(size: int) -> bytes:
    return os.urandom(size)


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_a_layer_that_does_not_fit(full: StoreRunner, registry: Registry, compression: str) -> None:
    files = {"app.wasm": HELLO, "data": noise(8 * _MEBIBYTE)}
    reference = images.push_wasi_image(registry.address, "app", files, compression=compression)
    with pytest.raises(DiskFull, match="no space is left on the disk for blob sha256:.*: free some, or move the root"):
        full.pull(reference)
    assert full.files("ingest") == []
    assert full.store.images() == ()


def test_files_that_do_not_fit(full: StoreRunner, registry: Registry) -> None:
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO, "zeros": bytes(8 * _MEBIBYTE)})
    with pytest.raises(DiskFull, match=f"no space is left on the disk for the files of image {reference}"):
        full.pull(reference)
    assert full.files("work") == []
    assert full.files("trees") == []


def test_at_every_amount_of_space_a_pull_works_or_leaves_nothing(full: StoreRunner, registry: Registry) -> None:
    kept = full.pull(images.push_artifact(registry.address, "kept", guest("exit3")))
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": HELLO, "data": noise(30_000)})
    full.collect()
    outcomes = []
    for left in range(0, 300_000, 15_000):
        with space_left(full, left):
            outcomes.append(is_pulled(full, reference))
            assert full.store.get(kept.id) == kept
        full.reopen()
        assert (full.store.get(reference) is not None) == outcomes[-1]
        assert full.store.get(kept.id) == kept
        assert "set-aside" not in full.files(".")
        full.remove(reference)
        full.collect()
    assert set(outcomes) == {True, False}


def is_pulled(runner: StoreRunner, reference: str) -> bool:
    """Or the disk is full."""
    try:
        runner.pull(reference)
    except DiskFull:
        return False
    return True


def test_removing_frees_the_space(full: StoreRunner, registry: Registry) -> None:
    full.collect()
    for number in range(6):
        files = {"app.wasm": HELLO, "data": noise(_MEBIBYTE)}
        image = full.pull(images.push_wasi_image(registry.address, f"app{number}", files))
        full.remove(image.id)
        full.collect()


def test_images_can_be_removed_from_a_full_disk(full: StoreRunner, registry: Registry) -> None:
    pulled = [full.pull(images.push_artifact(registry.address, name, guest(name))) for name in ("hello", "exit3")]
    full.reopen()
    with space_left(full, 0):
        for image in pulled:
            full.remove(image.id)
    full.reopen()
    assert full.store.images() == ()
