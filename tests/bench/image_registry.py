"""A registry of the bench's own on loopback, and pushing images to it.

An image here is one layer of a few files and the command to run, as any image builder would make it.
"""

import gzip
import hashlib
import http.client
import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.server import SECONDS_TO_START, BenchError

PORT = 5000
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class ImageSource:
    """``files``: content by absolute path; all are executable."""

    name: str
    os: str
    architecture: str
    files: Mapping[str, bytes]
    command: str


def start_registry(folder: Path) -> None:
    """Start Debian's registry on the port of this network namespace. Raises BenchError."""
    program = shutil.which("docker-registry")
    if program is None:
        raise BenchError("docker-registry is not installed: install the package docker-registry")
    config = folder / "registry.json"  # JSON is YAML
    storage = {"filesystem": {"rootdirectory": str(folder / "registry")}}
    config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{PORT}"}}))
    with (folder / "registry.log").open("ab") as log:
        subprocess.Popen([program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    _wait_for_registry()


def _wait_for_registry() -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            _request("GET", "/v2/")
            return
        except ConnectionError as error:
            if time.monotonic() > deadline:
                raise BenchError("the registry does not answer: see registry.log of a run with --keep") from error
            time.sleep(0.1)


def push(image: ImageSource) -> str:
    """The image's reference."""
    layer = _tar(image.files)
    packed = gzip.compress(layer, mtime=0)
    config = json.dumps(
        {
            "os": image.os,
            "architecture": image.architecture,
            "config": {"Entrypoint": [image.command]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _push_blob(image.name, _CONFIG, config),
        "layers": [_push_blob(image.name, _LAYER, packed)],
    }
    _request("PUT", f"/v2/{image.name}/manifests/1", json.dumps(manifest).encode(), _MANIFEST)
    return f"localhost:{PORT}/{image.name}:1"


def _push_blob(name: str, media_type: str, blob: bytes) -> dict[str, str | int]:
    """Its descriptor."""
    digest = _digest(blob)
    place = _request("POST", f"/v2/{name}/blobs/uploads/")
    _request("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", blob, "application/octet-stream")
    return {"mediaType": media_type, "digest": digest, "size": len(blob)}


def _request(method: str, target: str, body: bytes = b"", media_type: str = "") -> str:
    """The answer's ``Location``, as a path. Raises BenchError, ConnectionError."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request(method, target, body, {"Content-Type": media_type} if media_type else {})
        answer = connection.getresponse()
        if answer.status >= 300:
            raise BenchError(f"the registry answers {method} {target} with {answer.status}: {answer.read()!r}")
        return (answer.getheader("Location") or "").removeprefix(f"http://127.0.0.1:{PORT}")
    finally:
        connection.close()


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
