"""Images of every kind are pulled from a registry, and what they hold can be run."""

import os
import tarfile

import pytest

from deploy.demo_registry import Registry
from image_store.errors import ImageStoreError, ManifestNotFound, ModuleInvalid, NotWebAssembly, UnsupportedImage
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner

HELLO = guest("hello")


def test_an_artifact_of_the_cncf(runner: StoreRunner, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "team/hello", HELLO, title="hello.wasm")
    image = runner.pull(reference)
    assert image.repo_tags == (reference,)
    assert image.rootfs is None
    assert image.config.entrypoint == ()
    program = runner.program(image)
    assert (program.kind, program.name, program.entry) == ("module", "hello.wasm", "_start")
    assert program.source.read_bytes() == HELLO
    assert program.has_command_entry
    assert program.unmet_imports == ()
    assert program.compiled.stat().st_size > 0


@pytest.mark.parametrize("push", [images.push_wasm_to_oci, images.push_solo, images.push_runwasi])
def test_an_artifact_of_another_maker(runner: StoreRunner, registry: Registry, push: object) -> None:
    assert callable(push)
    image = runner.pull(push(registry.address, "team/hello", HELLO))
    assert runner.program(image).source.read_bytes() == HELLO


def test_an_artifact_runs_under_any_name_and_may_be_told_the_function(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(images.push_runwasi(registry.address, "hello", HELLO, entrypoint="main.wasm"))
    assert image.config.entrypoint == ("main.wasm",)
    assert runner.program(image, "main.wasm").has_command_entry
    program = runner.program(image, "/anything.wasm#serve")
    assert program.entry == "serve"
    assert not program.has_command_entry


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("platform", [("wasi", "wasm"), ("linux", "wasm"), ("wasip1", "wasm"), ("wasi", "wasm32")])
def test_an_image_of_files(
    runner: StoreRunner, registry: Registry, compression: str, platform: tuple[str, str]
) -> None:
    files = {"app.wasm": HELLO, "etc/motd": b"hi"}
    image = runner.pull(
        images.push_wasi_image(registry.address, "app", files, platform=platform, compression=compression, user="7:8")
    )
    assert image.rootfs is not None
    assert (image.rootfs / "etc/motd").read_bytes() == b"hi"
    assert image.config.user == "7:8"
    assert runner.program(image, "/app.wasm").name == "/app.wasm"


def test_an_image_of_docker(runner: StoreRunner, registry: Registry) -> None:
    image = runner.pull(
        images.push_docker_image(registry.address, "app", {"app.wasm": HELLO}, entrypoint=["/app.wasm"], cmd=["x"])
    )
    assert (image.config.entrypoint, image.config.cmd) == (("/app.wasm",), ("x",))
    assert runner.program(image, "/app.wasm").has_command_entry


def test_a_text_module_in_an_image(runner: StoreRunner, registry: Registry) -> None:
    text = b'(module (func (export "_start")))'
    image = runner.pull(images.push_wasi_image(registry.address, "app", {"app.wat": text}, entrypoint=["/app.wat"]))
    assert runner.program(image, "/app.wat").has_command_entry


def test_layers_are_merged(runner: StoreRunner, registry: Registry) -> None:
    lower = images.tar({"app.wasm": b"old", "kept": b"kept", "gone": b"gone", "dir/below": b"below"})
    upper = images.tar({"app.wasm": HELLO, ".wh.gone": b"", "dir/.wh..wh..opq": b"", "dir/above": b"above"})
    pushed = images.push_layers(registry.address, "app", [lower, upper], entrypoint=["/app.wasm"])
    rootfs = runner.pull(pushed.reference).rootfs
    assert rootfs is not None
    assert (rootfs / "app.wasm").read_bytes() == HELLO
    assert sorted(path.name for path in rootfs.iterdir()) == ["app.wasm", "dir", "kept"]
    assert [path.name for path in (rootfs / "dir").iterdir()] == ["above"]


def test_an_index_prefers_webassembly(runner: StoreRunner, registry: Registry) -> None:
    native = images.push_layers(registry.address, "app", [images.tar({"bin/app": b"\x7fELF"})], tag="native")
    wasm = images.push_layers(registry.address, "app", [images.tar({"app.wasm": HELLO})], tag="wasm")
    reference = images.push_index(
        registry.address, "app", [(native, "linux", "amd64"), (wasm, "Wasi", "Wasm"), (native, "linux", "arm64")]
    )
    image = runner.pull(reference)
    assert image.rootfs is not None
    assert (image.rootfs / "app.wasm").exists()
    index = registry.manifests["app", "latest"].content
    assert image.repo_digests == (f"{registry.address}/app@{images.digest_of(index)}",)


def test_an_image_for_other_machines_is_refused(runner: StoreRunner, registry: Registry) -> None:
    pushed = images.push_layers(registry.address, "app", [images.tar({"app.wasm": HELLO})])
    reference = images.push_index(registry.address, "app", [(pushed, "linux", "s390x"), (pushed, "windows", "amd64")])
    with pytest.raises(UnsupportedImage, match="is for linux/s390x, windows/amd64: build it for wasi/wasm"):
        runner.pull(reference)


def test_a_compat_image_of_linux(runner: StoreRunner, registry: Registry) -> None:
    files = {"usr/bin/app.wasm": HELLO, "bin/sh": b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\0"}
    image = runner.pull(
        images.push_wasi_image(registry.address, "app", files, entrypoint=["app.wasm"], platform=("linux", "amd64"))
    )
    assert image.rootfs is not None
    assert runner.program(image, "app.wasm", "/bin:/usr/bin").source == image.rootfs / "usr/bin/app.wasm"


def test_what_does_not_validate_fails_the_pull_with_the_reason(runner: StoreRunner, registry: Registry) -> None:
    broken = HELLO[:8] + b"\x0a\xff\xff"
    for reference in (
        images.push_artifact(registry.address, "artifact", broken),
        images.push_wasi_image(registry.address, "files", {"app.wasm": broken}),
    ):
        with pytest.raises(ModuleInvalid, match=f"of image {reference} is not valid WebAssembly .*: build it again"):
            runner.pull(reference)
    assert runner.store.images() == ()


def test_a_broken_module_that_the_image_does_not_start_is_no_matter(runner: StoreRunner, registry: Registry) -> None:
    files = {"app.wasm": HELLO, "test/broken.wasm": HELLO[:8] + b"\x0a\xff\xff"}
    image = runner.pull(images.push_wasi_image(registry.address, "app", files))
    with pytest.raises(ModuleInvalid, match='"?/test/broken.wasm'):
        runner.program(image, "/test/broken.wasm")


def test_spin_is_refused_by_its_name(runner: StoreRunner, registry: Registry) -> None:
    layers = [
        images.Blob("application/vnd.wasm.content.layer.v1+wasm", HELLO),
        images.Blob("application/vnd.fermyon.spin.application.v1+config", b"{}"),
    ]
    pushed = images.push(registry.address, "spin", "1", images.Blob(images.OCI_CONFIG, b"{}"), layers)
    with pytest.raises(UnsupportedImage, match="is a Spin application, which needs the Spin runtime"):
        runner.pull(pushed.reference)


def test_precompiled_code_is_refused(runner: StoreRunner, registry: Registry) -> None:
    native = b"\x7fELF\x02\x01\x01\xc8" + bytes(56)
    for reference in (
        images.push_artifact(registry.address, "artifact", native),
        images.push_wasi_image(registry.address, "files", {"app.cwasm": native}, entrypoint=["/app.cwasm"]),
    ):
        with pytest.raises(UnsupportedImage, match="precompiled WebAssembly, which is native code from elsewhere"):
            runner.pull(reference)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\0" + bytes(40), "is a native linux/amd64 executable"),
        (b"#!/bin/sh\nexit", "is a script for /bin/sh"),
        (b"(module)", "is not WebAssembly"),
        (b"", "is an empty file"),
    ],
)
def test_an_artifact_of_something_else_is_refused_by_its_name(
    runner: StoreRunner, registry: Registry, content: bytes, said: str
) -> None:
    reference = images.push_artifact(registry.address, "app", content, title="app.wasm")
    with pytest.raises(NotWebAssembly, match=f"app.wasm of image {reference} {said}; this runtime only runs"):
        runner.pull(reference)
    assert runner.store.images() == ()


def test_other_artifacts_are_refused(runner: StoreRunner, registry: Registry) -> None:
    layer = images.Blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart")
    pushed = images.push(registry.address, "chart", "1", images.Blob("application/json", b"{}"), [layer])
    with pytest.raises(UnsupportedImage, match="layers of media type application/vnd.cncf.helm.chart"):
        runner.pull(pushed.reference)


def test_what_a_registry_does_not_have(runner: StoreRunner, registry: Registry) -> None:
    with pytest.raises(ManifestNotFound, match=r"has no nothing:latest \(.*manifest unknown.*\): check the name and"):
        runner.pull(f"{registry.address}/nothing")


def test_an_escape_in_a_layer_leaves_nothing(runner: StoreRunner, registry: Registry) -> None:
    member = tarfile.TarInfo("../../evil")
    pushed = images.push_layers(registry.address, "evil", [images.tar_of([(member, b"")])])
    with pytest.raises(UnsupportedImage, match=r"'../../evil' leads out of the image with \"..\""):
        runner.pull(pushed.reference)
    assert runner.files("trees") == []
    assert runner.files("work") == []


def test_a_layer_that_is_not_what_its_config_says(runner: StoreRunner, registry: Registry) -> None:
    config = images.image_config(["sha256:" + "0" * 64])
    layer = images.Blob(images.OCI_LAYER, images.tar({"app.wasm": HELLO}))
    pushed = images.push(registry.address, "app", "1", images.Blob(images.OCI_CONFIG, config), [layer])
    with pytest.raises(ImageStoreError, match=f"unpacks to {layer.digest} instead of sha256:000"):
        runner.pull(pushed.reference)
    assert runner.files("trees") == []


def test_files_keep_owner_and_mode(runner: StoreRunner, registry: Registry) -> None:
    member = tarfile.TarInfo("data")
    member.mode, member.uid, member.gid, member.mtime = 0o2640, 12, 34, 1_000_000
    pushed = images.push_layers(registry.address, "app", [images.tar_of([(member, b"")])])
    rootfs = runner.pull(pushed.reference).rootfs
    assert rootfs is not None
    status = (rootfs / "data").stat()
    assert status.st_mode & 0o7777 == 0o2640
    assert status.st_mtime == 1_000_000
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (12, 34)
