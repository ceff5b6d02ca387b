"""Which manifest of an index is taken."""

from typing import Any

import pytest

from image_store.errors import UnsupportedImage
from image_store.manifest import Descriptor, Index, Platform
from image_store.platforms import choose


def index(*platforms: str, annotations: dict[str, Any] | None = None) -> Index:
    return Index(
        tuple(
            Descriptor("", f"sha256:{number:064}", 1, annotations or {}, Platform(*platform.split("/")))
            for number, platform in enumerate(platforms)
        ),
        {},
    )


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        (["linux/amd64", "wasi/wasm"], "wasi/wasm"),
        (["linux/wasm", "wasip2/wasm"], "wasip2/wasm"),
        (["wasi/wasm32", "wasi/wasm"], "wasi/wasm"),
        (["linux/wasm", "wasi/wasm32"], "wasi/wasm32"),
        (["linux/amd64", "linux/wasm"], "linux/wasm"),
        (["wasip1/wasm", "wasip2/wasm"], "wasip1/wasm"),
        (["linux/arm64", "linux/amd64"], "linux/amd64"),
        (["linux/arm64"], "linux/arm64"),
    ],
)
def test_the_best_one(platforms: list[str], chosen: str) -> None:
    assert str(choose("app", index(*platforms), "amd64").platform) == chosen


def test_none_fits() -> None:
    with pytest.raises(UnsupportedImage, match="image app is for linux/arm64, windows/amd64: build it for wasi/wasm"):
        choose("app", index("linux/arm64", "windows/amd64"), "amd64")
    with pytest.raises(UnsupportedImage, match="image app is for no platform"):
        choose("app", index(), "amd64")


def test_statements_of_builders_are_no_images() -> None:
    statement = index("unknown/unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    image = index("linux/s390x")
    assert choose("app", Index(statement.manifests + image.manifests, {}), "amd64") == image.manifests[0]
