"""What kind of image a manifest describes."""

import pytest

from image_store.errors import UnsupportedImage
from image_store.formats import Artifact, Files, choose, config_determines
from image_store.image import ImageConfig
from image_store.image_config import ConfigBlob
from image_store.manifest import Descriptor, Manifest

DIGEST = "sha256:" + "a" * 64


def manifest(*layers: str, config: str = "application/vnd.oci.image.config.v1+json", title: str = "") -> Manifest:
    annotations = {"org.opencontainers.image.title": title} if title else {}
    return Manifest(
        "",
        Descriptor(config, DIGEST, 1, {}),
        tuple(Descriptor(layer, DIGEST, 1, annotations) for layer in layers),
        {},
    )


@pytest.mark.parametrize(
    "layer",
    [
        "application/wasm",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.module.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    ],
)
def test_artifacts(layer: str) -> None:
    chosen = choose("app", manifest(layer))
    assert isinstance(chosen, Artifact)
    assert chosen.name == "main.wasm"


@pytest.mark.parametrize("title", ["..", ".", "/", "a/..", "a\0b", "line\nbreak", "\ud800", "x" * 256, "\u20ac" * 86])
def test_a_title_that_names_no_file_is_none(title: str) -> None:
    assert choose("app", manifest("application/wasm", title=title)).name == "main.wasm"  # type: ignore[union-attr]


def test_an_artifact_is_called_by_its_title() -> None:
    chosen = choose("app", manifest("application/wasm", title="dir/hello.wasm"))
    assert isinstance(chosen, Artifact)
    assert chosen.name == "hello.wasm"


@pytest.mark.parametrize(
    "layer",
    [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ],
)
def test_files(layer: str) -> None:
    assert choose("app", manifest(layer, layer)) == Files(manifest(layer, layer).layers)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "has no layers"),
        (["application/wasm", "application/wasm"], "has 2 layers of WebAssembly"),
        (["application/wasm", "application/vnd.oci.image.layer.v1.tar"], "layers of files beside WebAssembly"),
        (["application/x-sh", ""], "layers of media type application/x-sh, none, which"),
        (["application/vnd.wasm.content.bundle.v1.tar+gzip"], "is a Spin application, which needs the Spin runtime"),
        (["application/vnd.fermyon.spin.application.v1+config"], "is a Spin application"),
    ],
)
def test_what_is_refused(layers: list[str], said: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"image app .*{said}".replace("has no", "has no")):
        choose("app", manifest(*layers))


def test_spin_is_known_by_its_config_too() -> None:
    with pytest.raises(UnsupportedImage, match="Spin"):
        choose("app", manifest("application/wasm", config="application/vnd.fermyon.spin.application.v1+config"))


def test_a_config_that_says_nothing_does_not_determine_the_image() -> None:
    artifact = choose("app", manifest("application/wasm"))
    files = choose("app", manifest("application/vnd.oci.image.layer.v1.tar"))
    nothing = ConfigBlob(ImageConfig(), (), ())
    assert not config_determines(artifact, nothing)
    assert config_determines(artifact, nothing._replace(layer_digests=(DIGEST,)))
    assert config_determines(artifact, nothing._replace(diff_ids=(DIGEST,)))
    assert not config_determines(artifact, nothing._replace(layer_digests=("sha256:" + "b" * 64,)))
    assert config_determines(files, nothing._replace(diff_ids=(DIGEST,)))
