"""Manifests and indexes of images: bytes in, checked values out. No I/O.

Docker's schema 2 has the same members as OCI's, so both are read alike.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_store.digests import is_digest
from image_store.errors import UnsupportedImage

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)

MAX_MANIFEST_BYTES = 4 << 20
_MAX_LAYERS = 128
_MAX_PLATFORMS = 1000


@dataclass(frozen=True)
class Platform:
    """In lower case: hints that their makers spell as they like."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part) or "unknown"


@dataclass(frozen=True)
class Descriptor:
    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str]
    platform: Platform | None = None


@dataclass(frozen=True)
class Manifest:
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Index:
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


def parse(name: str, data: bytes) -> Manifest | Index:
    """``name``: of the image, for errors. Raises UnsupportedImage."""
    fields = _object(name, data)
    media_type = str(fields.get("mediaType") or "")
    if fields.get("schemaVersion") != 2:
        raise UnsupportedImage(
            f"the manifest of image {name} is not of schema version 2: push the image again with a current tool"
        )
    try:
        if isinstance(fields.get("manifests"), list):
            return _index(fields)
        return _manifest(fields, media_type)
    except (KeyError, TypeError, ValueError) as error:
        raise UnsupportedImage(f"the manifest of image {name} is broken ({error}): push the image again") from error


def _object(name: str, data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnsupportedImage(f"the manifest of image {name} is not JSON: check what was pushed") from error
    if not isinstance(fields, dict):
        raise UnsupportedImage(f"the manifest of image {name} is not an object: check what was pushed")
    return fields


def _index(fields: dict[str, Any]) -> Index:
    manifests = fields["manifests"]
    if len(manifests) > _MAX_PLATFORMS:
        raise ValueError(f"more than {_MAX_PLATFORMS} platforms")
    return Index(tuple(_descriptor(item) for item in manifests), _strings(fields.get("annotations")))


def _manifest(fields: dict[str, Any], media_type: str) -> Manifest:
    layers = [] if fields.get("layers") is None else fields["layers"]
    if not isinstance(layers, list) or len(layers) > _MAX_LAYERS:
        raise ValueError(f"layers must be a list of at most {_MAX_LAYERS}")
    return Manifest(
        media_type=media_type,
        config=_descriptor(fields.get("config")),
        layers=tuple(_descriptor(layer) for layer in layers),
        annotations=_strings(fields.get("annotations")),
    )


def _descriptor(fields: Any) -> Descriptor:
    if not isinstance(fields, dict):
        raise TypeError("a descriptor is missing")
    digest, size = fields.get("digest"), fields.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise ValueError(f"digest {digest!r} is not sha256: and 64 hexadecimal digits")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ValueError(f"size {size!r} of {digest} is not a number of bytes")
    return Descriptor(
        media_type=str(fields.get("mediaType") or ""),
        digest=digest,
        size=size,
        annotations=_strings(fields.get("annotations")),
        platform=_platform(fields.get("platform")),
    )


def _platform(fields: Any) -> Platform | None:
    if not isinstance(fields, dict):
        return None
    parts = [str(fields.get(part) or "").lower() for part in ("os", "architecture", "variant")]
    return Platform(*parts)


def _strings(fields: Any) -> dict[str, str]:
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise TypeError("annotations must be an object")
    return {str(name): str(value) for name, value in fields.items()}
