"""An image and a program as a container's record keeps them.

The container goes on when its image is removed, and after a restart of the server: what it needs of both is held by the
image store for it, and this is what the store is told again.
"""

from pathlib import Path
from typing import Any

from image_store.image import Image, ImageConfig, Program
from image_store.resources import Resource


def image_fields(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "repo_tags": list(image.repo_tags),
        "repo_digests": list(image.repo_digests),
        "size": image.size,
        "rootfs": str(image.rootfs) if image.rootfs else "",
        "chain_id": image.chain_id,
    }


def image_of(fields: dict[str, Any]) -> Image:
    """As far as holding it goes: its configuration was used up when the container was made."""
    return Image(
        id=fields["id"],
        repo_tags=tuple(fields["repo_tags"]),
        repo_digests=tuple(fields["repo_digests"]),
        size=fields["size"],
        config=ImageConfig(),
        raw_config=b"",
        annotations={},
        rootfs=Path(fields["rootfs"]) if fields["rootfs"] else None,
        pinned=False,
        chain_id=fields["chain_id"],
    )


def resources_of(volumes: list[list[str]]) -> list[Resource]:
    """What a container has mounted of images. Raises TypeError, ValueError for what is no such list."""
    return [Resource(kind, name) for kind, name in volumes]  # type: ignore[arg-type]


def program_fields(program: Program) -> dict[str, Any]:
    return {
        "kind": program.kind,
        "digest": program.digest,
        "source": str(program.source),
        "compiled": str(program.compiled),
        "name": program.name,
        "entry": program.entry,
    }


def program_of(fields: dict[str, Any]) -> Program:
    return Program(
        kind=fields["kind"],
        digest=fields["digest"],
        source=Path(fields["source"]),
        compiled=Path(fields["compiled"]),
        name=fields["name"],
        entry=fields["entry"],
        unmet_imports=(),
        has_command_entry=True,
    )
