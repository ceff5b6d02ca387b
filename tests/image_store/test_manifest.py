"""Manifests and indexes, right and wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.errors import UnsupportedImage
from image_store.manifest import Descriptor, Index, Manifest, Platform, parse

DIGEST = "sha256:" + "a" * 64
PART = {"mediaType": "application/wasm", "digest": DIGEST, "size": 3}


def manifest(**changes: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": PART, "layers": [PART], **changes}).encode()


def test_a_manifest() -> None:
    layer = {**PART, "annotations": {"title": "x"}}
    found = parse("app", manifest(layers=[layer], annotations={"a": "b"}, mediaType="m"))
    assert found == Manifest(
        "m",
        Descriptor("application/wasm", DIGEST, 3, {}),
        (Descriptor("application/wasm", DIGEST, 3, {"title": "x"}),),
        {"a": "b"},
    )


def test_an_index() -> None:
    platform = {"os": "Wasip1", "architecture": "WASM"}
    data = json.dumps({"schemaVersion": 2, "manifests": [{**PART, "platform": platform}, PART]}).encode()
    found = parse("app", data)
    assert isinstance(found, Index)
    assert [item.platform for item in found.manifests] == [Platform("wasip1", "wasm"), None]


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": {**PART, "digest": "sha512:" + "a" * 128}},
        {"config": {**PART, "digest": "sha256:../../etc/passwd"}},
        {"config": {**PART, "size": -1}},
        {"config": {**PART, "size": "3"}},
        {"config": {**PART, "size": True}},
        {"layers": {}},
        {"layers": [PART] * 200},
        {"layers": ["x"]},
        {"annotations": ["x"]},
        {"manifests": ["x"]},
        {"manifests": [PART] * 2000},
        {"schemaVersion": 1},
    ],
)
def test_a_broken_manifest(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedImage, match="the manifest of image app is "):
        parse("app", manifest(**changes))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(DIGEST),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = st.dictionaries(
    st.sampled_from(["config", "layers", "manifests", "annotations", "mediaType", "digest", "size", "platform"]), _JSON
)


@given(_MEMBERS)
def test_any_object_is_read_or_refused(members: dict[str, Any]) -> None:
    try:
        parse("app", json.dumps({"schemaVersion": 2, **members}).encode())
    except UnsupportedImage:
        pass
