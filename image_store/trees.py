"""Merged trees of layers, by chain id, shared by all images with the same layers. Blocking: for threads.

A tree is made below ``work/`` and put on the disk before it gets its name: a name stands for a whole tree.
"""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from image_store.digests import hex_of
from image_store.disk import disk_errors, remove, remove_tree, storage_error, sync_filesystem, sync_folder
from image_store.errors import DigestMismatch, DiskFull, LimitExceeded, UnsupportedImage
from image_store.layers import Limits, unpack
from image_store.records import Layer
from image_store.tar_stream import BrokenArchive
from image_store.unpacked import TooLarge


class Trees:
    def __init__(self, root: Path) -> None:
        self.folder = root / "trees"
        self.work = root / "work"
        """For what is not finished, and for what is being deleted."""

    def open(self) -> None:
        with disk_errors("the images' files"):
            for folder in (self.folder, self.work):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            for leftover in self.work.iterdir():
                remove(leftover)

    def path(self, chain_id: str) -> Path:
        return self.folder / hex_of(chain_id)

    def has(self, chain_id: str) -> bool:
        return self.path(chain_id).is_dir()

    def build(
        self,
        name: str,
        chain_id: str,
        layers: Iterable[tuple[Path, Layer]],
        limits: Limits,
        check: Callable[[], None],
    ) -> None:
        """Unpack the layers, lowest first. ``name``: of the image, for errors. Nothing is left of a failure."""
        work = self.work / secrets.token_hex(8)
        with disk_errors(f"the files of image {name}"):
            work.mkdir()
            work.chmod(0o755)
        try:
            for blob, layer in layers:
                _unpack(name, blob, layer, work, limits, check)
            with disk_errors(f"the files of image {name}"):
                self._keep(work, chain_id)
        finally:
            remove_tree(work)

    def _keep(self, work: Path, chain_id: str) -> None:
        sync_filesystem(work)
        if not self.has(chain_id):
            work.rename(self.path(chain_id))
            sync_folder(self.folder)


def _unpack(name: str, blob: Path, layer: Layer, tree: Path, limits: Limits, check: Callable[[], None]) -> None:
    try:
        with blob.open("rb") as file:
            diff_id = unpack(file, tree, limits, check)
    except BrokenArchive as error:
        raise UnsupportedImage(
            f"layer {layer.digest} of image {name} cannot be unpacked ({error}): build and push the image again"
        ) from error
    except TooLarge as error:
        raise LimitExceeded(
            f"layer {layer.digest} of image {name} unpacks to more than {limits.bytes} bytes or {limits.entries} "
            "files: make it smaller, or raise images.max_layer_bytes"
        ) from error
    except OSError as error:
        raise _refused(name, layer, error) from error
    if diff_id != layer.diff_id:
        raise DigestMismatch(
            f"layer {layer.digest} of image {name} unpacks to {diff_id} instead of {layer.diff_id}, which its config "
            "says: build and push the image again"
        )


def _refused(name: str, layer: Layer, error: OSError) -> DiskFull | UnsupportedImage:
    storage = storage_error(f"the files of image {name}", error)
    if isinstance(storage, DiskFull):
        return storage
    return UnsupportedImage(
        f"layer {layer.digest} of image {name} cannot be unpacked ({error.strerror}: {error.filename}): "
        "build and push the image again"
    )
