"""Images of every kind that the runtime accepts, pushed to a registry on loopback over plain HTTP.

Each ``push_...`` takes the registry's ``host:port`` and returns the reference to pull.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import requests
import zstandard

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

WASI = ("wasi", "wasm")
_SECONDS = 120


class Blob(NamedTuple):
    media_type: str
    content: bytes
    annotations: Mapping[str, str] = {}

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    def descriptor(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}
        return {**fields, "annotations": dict(self.annotations)} if self.annotations else fields


class Pushed(NamedTuple):
    """A manifest, as an index refers to it."""

    reference: str
    media_type: str
    digest: str
    size: int


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# ---- artifacts: WebAssembly itself is the layer --------------------------------------------------------------------


def push_artifact(registry: str, name: str, wasm: bytes, tag: str = "latest", title: str = "") -> str:
    """The CNCF's artifact; with a title as ``wkg`` makes it."""
    layer = Blob("application/wasm", wasm, {"org.opencontainers.image.title": title} if title else {})
    fields = {"created": "2026-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip1", "layerDigests": [layer.digest]}
    config = Blob("application/vnd.wasm.config.v0+json", json.dumps(fields).encode())
    return push(registry, name, tag, config, [layer]).reference


def push_wasm_to_oci(registry: str, name: str, wasm: bytes, tag: str = "latest") -> str:
    config = Blob("application/vnd.wasm.config.v1+json", b"{}")
    return push(registry, name, tag, config, [Blob("application/vnd.wasm.content.layer.v1+wasm", wasm)]).reference


def push_solo(registry: str, name: str, wasm: bytes, tag: str = "latest") -> str:
    config = Blob("application/vnd.module.wasm.config.v1+json", b'{"type":"envoy_proxy"}')
    layer = Blob("application/vnd.module.wasm.content.layer.v1+wasm", wasm)
    return push(registry, name, tag, config, [layer]).reference


def push_runwasi(registry: str, name: str, wasm: bytes, tag: str = "latest", entrypoint: str = "main.wasm") -> str:
    layer = Blob("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", wasm)
    config = image_config([layer.digest], entrypoint=[entrypoint], platform=("wasip1", "wasm"))
    return push(registry, name, tag, Blob(OCI_CONFIG, config), [layer]).reference


# ---- images: WebAssembly is one of the files of the layers ---------------------------------------------------------


def push_wasi_image(
    registry: str,
    name: str,
    files: Mapping[str, bytes],
    entrypoint: Sequence[str] = ("/app.wasm",),
    tag: str = "latest",
    platform: tuple[str, str] = WASI,
    compression: str = "gzip",
    **config: Any,
) -> str:
    """An image of one layer. ``config``: more of what ``image_config`` takes."""
    archives = [tar(files)]
    return push_layers(
        registry, name, archives, tag=tag, compression=compression, platform=platform, entrypoint=entrypoint, **config
    ).reference


def push_layers(
    registry: str, name: str, archives: Sequence[bytes], tag: str = "latest", compression: str = "gzip", **config: Any
) -> Pushed:
    """``archives``: tar archives, lowest layer first."""
    suffix = f"+{compression}" if compression else ""
    layers = [Blob(OCI_LAYER + suffix, compressed(archive, compression)) for archive in archives]
    described = image_config([digest_of(archive) for archive in archives], **config)
    return push(registry, name, tag, Blob(OCI_CONFIG, described), layers)


def push_docker_image(registry: str, name: str, files: Mapping[str, bytes], tag: str = "latest", **config: Any) -> str:
    """With Docker's media types of schema 2."""
    archive = tar(files)
    layer = Blob(DOCKER_LAYER, compressed(archive, "gzip"))
    described = image_config([digest_of(archive)], **config)
    return push(registry, name, tag, Blob(DOCKER_CONFIG, described), [layer], DOCKER_MANIFEST).reference


def push_index(registry: str, name: str, manifests: Iterable[tuple[Pushed, str, str]], tag: str = "latest") -> str:
    """``manifests``: pushed before, each with its operating system and architecture."""
    described = [
        {
            "mediaType": pushed.media_type,
            "digest": pushed.digest,
            "size": pushed.size,
            "platform": {"os": system, "architecture": architecture},
        }
        for pushed, system, architecture in manifests
    ]
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described}).encode()
    return put_manifest(registry, name, tag, OCI_INDEX, content).reference


def image_config(
    diff_ids: Sequence[str],
    entrypoint: Sequence[str] = (),
    cmd: Sequence[str] = (),
    env: Sequence[str] = (),
    user: str = "",
    working_dir: str = "",
    platform: tuple[str, str] = WASI,
) -> bytes:
    config = {
        "Entrypoint": list(entrypoint),
        "Cmd": list(cmd),
        "Env": list(env),
        "User": user,
        "WorkingDir": working_dir,
    }
    fields = {
        "os": platform[0],
        "architecture": platform[1],
        "config": {member: value for member, value in config.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }
    return json.dumps(fields).encode()


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of plain files."""
    members = []
    for path, content in files.items():
        member = tarfile.TarInfo(path.lstrip("/"))
        member.size = len(content)
        member.mode = 0o644
        members.append((member, content))
    return tar_of(members)


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def compressed(data: bytes, compression: str) -> bytes:
    """``gzip``, ``zstd`` or nothing."""
    if compression == "gzip":
        return gzip.compress(data, mtime=0)
    return zstandard.compress(data) if compression == "zstd" else data


# ---- pushing -------------------------------------------------------------------------------------------------------


def push(
    registry: str, name: str, tag: str, config: Blob, layers: Sequence[Blob], media_type: str = OCI_MANIFEST
) -> Pushed:
    for blob in (config, *layers):
        put_blob(registry, name, blob.content)
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    return put_manifest(registry, name, tag, media_type, json.dumps(manifest).encode())


def put_blob(registry: str, name: str, content: bytes) -> None:
    started = requests.post(f"http://{registry}/v2/{name}/blobs/uploads/", timeout=_SECONDS)
    started.raise_for_status()
    location = requests.compat.urljoin(started.url, started.headers["Location"])
    answer = requests.put(location, params={"digest": digest_of(content)}, data=content, timeout=_SECONDS)
    answer.raise_for_status()


def put_manifest(registry: str, name: str, tag: str, media_type: str, content: bytes) -> Pushed:
    url = f"http://{registry}/v2/{name}/manifests/{tag}"
    answer = requests.put(url, data=content, headers={"Content-Type": media_type}, timeout=_SECONDS)
    answer.raise_for_status()
    return Pushed(f"{registry}/{name}:{tag}", media_type, digest_of(content), len(content))
