"""What was acknowledged is on the disk: content before its name, all of it before the catalog says so."""

import errno
import os
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store import blobs, catalog, trees
from image_store.disk import disk_errors, remove_tree, write_durably
from image_store.errors import DiskFull, StorageFailed
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner


@pytest.mark.parametrize(
    ("code", "error"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageFailed)]
)
def test_what_the_disk_refuses_is_told(code: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="the disk"), disk_errors("the thing"):
        raise OSError(code, os.strerror(code))


def test_a_file_is_there_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_durably(tmp_path / "file", b"old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        write_durably(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_tree_that_is_gone_is_removed_already(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_the_order_of_a_pull(runner: StoreRunner, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it can be seen without cutting the power."""
    order: list[str] = []

    def noting(step: str, module: object, name: str) -> None:
        original = getattr(module, name)

        def noted(*arguments: object, **named: object) -> object:
            order.append(step)
            return original(*arguments, **named)

        monkeypatch.setattr(module, name, noted)

    noting("content", os, "fsync")
    noting("name", os, "replace")
    noting("folder", blobs, "sync_folder")
    noting("tree", trees, "sync_filesystem")
    noting("tree's folder", trees, "sync_folder")
    noting("catalog", catalog.Catalog, "put")
    reference = images.push_wasi_image(registry.address, "app", {"app.wasm": guest("hello")})
    runner.reopen(concurrent_pulls=1)
    order.clear()
    runner.pull(reference)
    blob = ["content", "name", "folder", "content"]
    assert order == [*blob, *blob, "tree", "tree's folder", "content", "catalog"]
