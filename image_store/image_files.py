"""An image's files as another container mounts them (an image volume)."""

import os
from pathlib import Path
from typing import NamedTuple

from image_store.contained_path import resolve
from image_store.parts import Parts
from image_store.resources import Resource, blob, tree


class ImageFiles(NamedTuple):
    resource: Resource
    """What has to be kept of the image."""
    path: Path
    """The merged tree; of an artifact its one file."""
    file_name: str
    """What an artifact's file is called; empty for a tree."""


def files_of(parts: Parts, image: str) -> ImageFiles | None:
    """``image``: id. None where there is no such image. No I/O."""
    record = parts.inventory.record(image)
    if record is None:
        return None
    if record.chain_id:
        return ImageFiles(tree(record.chain_id), parts.trees.path(record.chain_id), "")
    return ImageFiles(blob(record.wasm), parts.blobs.path(record.wasm), record.program_name)


def below(files: ImageFiles, sub_path: str) -> Path | None:
    """What ``sub_path`` names in a tree, however it climbs or is linked; None where there is nothing. Blocking."""
    try:
        found = resolve(str(files.path), sub_path)
    except OSError:
        return None
    return Path(found) if os.path.lexists(found) else None
