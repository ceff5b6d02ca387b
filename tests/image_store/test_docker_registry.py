"""The same against a registry that others wrote, with images that others' tools made."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store.errors import ManifestNotFound, Unauthorized
from image_store.store import Credentials
from tests import images
from tests.docker_registry import docker_registry
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner
from tests.prerequisites import require_tool

HELLO = guest("hello")
FILES = {"app.wasm": HELLO, "data": bytes(range(256)) * 10_000}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def test_every_kind_of_image(runner: StoreRunner, address: str) -> None:
    references = [
        images.push_artifact(address, "cncf", HELLO),
        images.push_wasm_to_oci(address, "wasm-to-oci", HELLO),
        images.push_solo(address, "solo", HELLO),
        images.push_runwasi(address, "runwasi", HELLO),
        images.push_docker_image(address, "docker", FILES, entrypoint=["/app.wasm"]),
        *(images.push_wasi_image(address, f"oci{kind}", FILES, compression=kind) for kind in ("", "gzip", "zstd")),
    ]
    pulled = [runner.pull(reference) for reference in references]
    for reference, image in zip(references, pulled, strict=True):
        assert reference in image.repo_tags
        assert runner.program(image, "/app.wasm").source.read_bytes() == HELLO


def test_an_index_and_a_digest(runner: StoreRunner, address: str) -> None:
    wasm = images.push_layers(address, "index", [images.tar(FILES)], tag="wasm", entrypoint=["/app.wasm"])
    native = images.push_layers(address, "index", [images.tar({"bin/app": b"\x7fELF"})], tag="native")
    by_tag = runner.pull(images.push_index(address, "index", [(native, "linux", "amd64"), (wasm, "wasi", "wasm")]))
    assert runner.pull(by_tag.repo_digests[0]) is by_tag
    assert runner.pull(f"{address}/index@{wasm.digest}").id == by_tag.id


def test_what_is_not_there(runner: StoreRunner, address: str) -> None:
    with pytest.raises(ManifestNotFound, match=f"registry {address} has no nothing:latest "):
        runner.pull(f"{address}/nothing")
    digest = f"sha256:{'1' * 64}"
    with pytest.raises(ManifestNotFound, match=f"registry {address} has no app@{digest} "):
        runner.pull(f"{address}/app@{digest}")


def test_a_password(runner: StoreRunner, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", password=True) as address:
        reference = f"{address}/app:latest"
        for wrong in (None, Credentials("me", "wrong"), Credentials(registry_token="token")):
            with pytest.raises(Unauthorized, match=f"registry {address} refuses to serve app"):
                runner.pull(reference, wrong)
        with pytest.raises(ManifestNotFound):
            runner.pull(reference, Credentials("me", "secret"))


@pytest.mark.parametrize("format_", ["oci", "v2s2"])
def test_an_image_that_skopeo_copied_here(runner: StoreRunner, registry: Registry, address: str, format_: str) -> None:
    """From one registry to the other, which it writes anew in the other format."""
    skopeo = require_tool("skopeo")
    archive = images.tar(FILES)
    pushed = images.push_layers(registry.address, "app", [archive], entrypoint=["/app.wasm"], cmd=["x"])
    copy = f"{address}/copied:{format_}"
    command: list[str | Path] = [
        skopeo,
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ]
    source, target = f"docker://{pushed.reference}", f"docker://{copy}"
    subprocess.run([*command, f"--format={format_}", source, target], check=True, capture_output=True)
    image = runner.pull(copy)
    assert (image.config.entrypoint, image.config.cmd) == (("/app.wasm",), ("x",))
    assert json.loads(image.raw_config)["rootfs"]["diff_ids"] == [images.digest_of(archive)]
    assert runner.program(image, "/app.wasm").source.read_bytes() == HELLO


def test_skopeo_can_push_to_the_registry_of_the_demo(runner: StoreRunner, registry: Registry, address: str) -> None:
    skopeo = require_tool("skopeo")
    reference = images.push_docker_image(address, "app", FILES, entrypoint=["/app.wasm"])
    copy = f"{registry.address}/copied:1"
    command: list[str | Path] = [
        skopeo,
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ]
    subprocess.run([*command, f"docker://{reference}", f"docker://{copy}"], check=True, capture_output=True)
    assert runner.pull(copy).id == runner.pull(reference).id
