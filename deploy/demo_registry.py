"""A small OCI registry in memory, for demonstrations and tests: push and pull, on the standard library alone.

    python deploy/demo_registry.py [PORT] [NAME:TAG=FILE ...]

serves on loopback until it is interrupted. A file of WebAssembly, binary or text, becomes an artifact of that name. The
registry keeps what it is given in memory, asks nobody who they are, and is no registry to rely on.
"""

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

_NAME = r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
_MANIFEST = re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[\w.:+-]+)")
_BLOB = re.compile(rf"/v2/{_NAME}/blobs/(?P<digest>sha256:[0-9a-f]{{64}})")
_UPLOADS = re.compile(rf"/v2/{_NAME}/blobs/uploads/")
_UPLOAD = re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<upload>[0-9]+)")
_TAGS = re.compile(rf"/v2/{_NAME}/tags/list")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Manifest(NamedTuple):
    media_type: str
    content: bytes


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry(ThreadingHTTPServer):
    """Serves from the moment it is made until ``close``. ``address``: ``host:port``, as it begins an image's name."""

    daemon_threads = True

    def __init__(self, port: int = 0, handler: "type[Handler] | None" = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], Manifest] = {}
        """By repository, and tag or digest."""
        self.uploads: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def put_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        self.blobs[digest] = content
        return digest

    def put_manifest(self, name: str, reference: str, media_type: str, content: bytes) -> str:
        digest = digest_of(content)
        for key in (reference, digest):
            self.manifests[name, key] = Manifest(media_type, content)
        return digest


class Handler(BaseHTTPRequestHandler):
    """One request. A subclass overrides what it wants to go wrong."""

    protocol_version = "HTTP/1.1"
    registry: Registry

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, Registry)
        self.registry = self.server

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v2/":
            self.answer(200, b"{}", {"Content-Type": "application/json"})
        elif match := _MANIFEST.fullmatch(path):
            self.get_manifest(match["name"], match["reference"])
        elif match := _BLOB.fullmatch(path):
            self.get_blob(match["digest"])
        elif match := _TAGS.fullmatch(path):
            self.get_tags(match["name"])
        else:
            self.error(404, "NAME_UNKNOWN", "no such path")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        match = _UPLOADS.fullmatch(url.path)
        if match is None:
            self.error(404, "NAME_UNKNOWN", "no such path")
        elif digests := parse_qs(url.query).get("digest"):
            self.finish_blob(match["name"], digests[0], self.body())
        else:
            upload = str(len(self.registry.uploads))
            self.registry.uploads[upload] = b""
            self.body()
            self.answer(202, b"", {"Location": f"/v2/{match['name']}/blobs/uploads/{upload}", "Range": "0-0"})

    def do_PATCH(self) -> None:
        match = _UPLOAD.fullmatch(urlsplit(self.path).path)
        if match is None or match["upload"] not in self.registry.uploads:
            self.error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
            return
        self.registry.uploads[match["upload"]] += self.body()
        end = len(self.registry.uploads[match["upload"]]) - 1
        self.answer(202, b"", {"Location": self.path, "Range": f"0-{end}"})

    def do_PUT(self) -> None:
        url = urlsplit(self.path)
        if match := _MANIFEST.fullmatch(url.path):
            content = self.body()
            media_type = self.headers.get("Content-Type", "")
            digest = self.registry.put_manifest(match["name"], match["reference"], media_type, content)
            self.answer(201, b"", {"Location": self.path, "Docker-Content-Digest": digest})
        elif match := _UPLOAD.fullmatch(url.path):
            content = self.registry.uploads.pop(match["upload"], b"") + self.body()
            self.finish_blob(match["name"], parse_qs(url.query).get("digest", [""])[0], content)
        else:
            self.error(404, "NAME_UNKNOWN", "no such path")

    def finish_blob(self, name: str, digest: str, content: bytes) -> None:
        if digest_of(content) != digest:
            self.error(400, "DIGEST_INVALID", "the content has another digest")
            return
        self.registry.put_blob(content)
        self.answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def get_manifest(self, name: str, reference: str) -> None:
        manifest = self.registry.manifests.get((name, reference))
        if manifest is None:
            self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest_of(manifest.content)}
        self.answer(200, manifest.content, headers)

    def get_blob(self, digest: str) -> None:
        content = self.registry.blobs.get(digest)
        if content is None:
            self.error(404, "BLOB_UNKNOWN", "blob unknown")
            return
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None:
            self.answer(200, content, {**headers, "Accept-Ranges": "bytes"})
            return
        start, end = int(match[1]), min(int(match[2] or len(content) - 1), len(content) - 1)
        self.answer(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})

    def get_tags(self, name: str) -> None:
        tags = sorted(key for repository, key in self.registry.manifests if repository == name and ":" not in key)
        body = f'{{"name":"{name}","tags":[{",".join(f"{chr(34)}{tag}{chr(34)}" for tag in tags)}]}}'
        self.answer(200, body.encode(), {"Content-Type": "application/json"})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self.chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def error(self, status: int, code: str, message: str) -> None:
        body = f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}'
        self.answer(status, body.encode(), {"Content-Type": "application/json"})


@contextmanager
def serving(port: int = 0) -> Iterator[Registry]:
    registry = Registry(port)
    try:
        yield registry
    finally:
        registry.close()


def add_artifact(registry: Registry, image: str, wasm: bytes) -> None:
    """As the CNCF specifies it. ``image``: ``name:tag``."""
    name, _, tag = image.rpartition(":")
    layer = {"mediaType": "application/wasm", "digest": registry.put_blob(wasm), "size": len(wasm)}
    fields = {"architecture": "wasm", "os": "wasip1", "layerDigests": [layer["digest"]]}
    config = json.dumps(fields).encode()
    described = {
        "mediaType": "application/vnd.wasm.config.v0+json",
        "digest": registry.put_blob(config),
        "size": len(config),
    }
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": [layer]}
    registry.put_manifest(name, tag, media_type, json.dumps(manifest).encode())


def read_wasm(path: Path) -> bytes:
    """Text becomes binary, if wasmtime is installed."""
    content = path.read_bytes()
    if content.startswith(b"\0asm"):
        return content
    from wasmtime import wat2wasm

    return bytes(wat2wasm(content))


def main(words: list[str]) -> None:
    port = int(words.pop(0)) if words and words[0].isdecimal() else 5000
    with serving(port) as registry:
        for word in words:
            image, _, path = word.partition("=")
            add_artifact(registry, image, read_wasm(Path(path)))
            print(f"{registry.address}/{image}", flush=True)
        print(f"serving on {registry.address}, until ^C", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(0)
