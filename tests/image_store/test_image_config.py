"""Configs of images, right and wrong."""

import json
from typing import Any

import pytest

from image_store.errors import UnsupportedImage
from image_store.image import ImageConfig
from image_store.image_config import ConfigBlob, parse


def test_all_that_is_used() -> None:
    config = {
        "Entrypoint": ["/app.wasm"],
        "Cmd": "one",
        "Env": ["A=b", "broken"],
        "WorkingDir": "/w",
        "User": "1:2",
        "StopSignal": "SIGINT",
        "Labels": {"l": "v"},
        "ExposedPorts": {},
    }
    data = json.dumps({"config": config, "rootfs": {"diff_ids": ["d"]}, "layerDigests": ["l"]}).encode()
    assert parse("app", data) == ConfigBlob(
        ImageConfig(("/app.wasm",), ("one",), ("A=b",), "/w", "1:2", "SIGINT", {"l": "v"}), ("d",), ("l",)
    )


@pytest.mark.parametrize("data", [b"{}", b'{"config":null}', b'{"config":{"Env":null,"Labels":null,"User":null}}'])
def test_nothing_is_said(data: bytes) -> None:
    assert parse("app", data) == ConfigBlob(ImageConfig(), (), ())


@pytest.mark.parametrize(
    "fields",
    [{"config": {"Env": ["A=\ud800"]}}, [], 1, {"config": 1}, {"config": {"Cmd": [1]}}, {"config": {"User": 1}}],
)
def test_broken(fields: Any) -> None:
    with pytest.raises(UnsupportedImage, match="the config of image app is broken"):
        parse("app", json.dumps(fields).encode())


def test_no_json() -> None:
    with pytest.raises(UnsupportedImage):
        parse("app", b"\xff")
