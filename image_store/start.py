"""Looks at what a start finds on the disk. Blocking: for threads.

An image whose parts are not all there is forgotten: the kubelet sees that it is missing and pulls it again. What is
damaged, or not from here, is set aside.
"""

from pathlib import Path

import structlog

from image_store import image_config
from image_store.blobs import Blobs
from image_store.catalog import Catalog
from image_store.digests import is_hex
from image_store.errors import UnsupportedImage
from image_store.records import ImageRecord
from image_store.set_aside import set_aside
from image_store.trees import Trees

log = structlog.get_logger()


def sound_images(root: Path, catalog: Catalog, blobs: Blobs, trees: Trees) -> list[ImageRecord]:
    """The others are removed from the catalog too."""
    for folder in (blobs.folder, trees.folder):
        for path in folder.iterdir():
            if not is_hex(path.name):
                set_aside(path, root, "the name is not a digest")
    return [record for record in catalog.found if _is_sound(record, root, catalog, blobs, trees)]


def _is_sound(record: ImageRecord, root: Path, catalog: Catalog, blobs: Blobs, trees: Trees) -> bool:
    damaged = [digest for digest, size in record.blobs.items() if blobs.size(digest) != size]
    lost = list(damaged)
    if record.chain_id and not trees.has(record.chain_id):
        lost.append(f"files of {record.chain_id}")
    if not _is_config(record.raw_config):
        lost.append("config")
    if not lost:
        return True
    for digest in damaged:
        set_aside(blobs.path(digest), root, "it does not have the size it must have")
    log.warning("an image is incomplete and has to be pulled again", image=record.id, lost=lost)
    catalog.remove(record.id)
    return False


def _is_config(data: bytes) -> bool:
    try:
        image_config.parse("", data)
    except UnsupportedImage:
        return False
    return True
