"""Throws away what no image, no container and no pull needs: blobs, trees, compiled code.

What is unused is moved out of its place while nothing can be claimed, and deleted afterwards: a pull that looks for it
either finds it whole or not at all.
"""

import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog

from image_store.compiler import Compiler
from image_store.disk import disk_errors, remove
from image_store.parts import Parts
from image_store.resources import Resource

log = structlog.get_logger()


async def collect(parts: Parts) -> None:
    """Raises StorageFailed."""
    async with parts.collecting:
        used = parts.inventory.resources() | parts.claims.resources()
        bins = await parts.threads.run(partial(_move_out, parts, used))
    await parts.threads.run(partial(_delete, bins))
    if bins:
        log.info("collected garbage", items=len(bins))


def _move_out(parts: Parts, used: set[Resource]) -> list[Path]:
    bins = []
    with disk_errors("garbage"):
        for path in [*_unused(parts, used)]:
            bins.append(parts.trees.work / secrets.token_hex(8))
            path.rename(bins[-1])
    return bins


def _unused(parts: Parts, used: set[Resource]) -> Iterator[Path]:
    for blob in parts.blobs.folder.iterdir():
        if Resource("blob", blob.name) not in used:
            yield blob
    for tree in parts.trees.folder.iterdir():
        if Resource("tree", tree.name) not in used:
            yield tree
    yield from _unused_code(parts.compiler, used)


def _unused_code(compiler: Compiler, used: set[Resource]) -> Iterator[Path]:
    """Facts go before the code they stand for. Another engine's code fits nothing any more."""
    for engine in compiler.root.iterdir():
        if engine != compiler.folder:
            yield engine
    for file in sorted(compiler.folder.iterdir(), key=lambda path: path.suffix, reverse=True):
        if file.suffix != compiler.UNFINISHED and Resource("code", file.stem) not in used:
            yield file


def _delete(bins: list[Path]) -> None:
    for path in bins:
        remove(path)
