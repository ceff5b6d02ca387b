"""The config blob of an image: bytes in, checked values out. No I/O."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from image_store.errors import UnsupportedImage
from image_store.image import ImageConfig

MAX_CONFIG_BYTES = 4 << 20


class ConfigBlob(NamedTuple):
    config: ImageConfig
    diff_ids: tuple[str, ...]
    """Digests of the unpacked layers, lowest first."""
    layer_digests: tuple[str, ...]
    """Digests of the layers of a WebAssembly artifact, where its maker wrote them down."""


def parse(name: str, data: bytes) -> ConfigBlob:
    """``name``: of the image, for errors. Raises UnsupportedImage."""
    try:
        fields = json.loads(data)
        return _config_blob(fields)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsupportedImage(f"the config of image {name} is broken ({error}): push the image again") from error


def _config_blob(fields: Any) -> ConfigBlob:
    blob = _object(fields)
    config = _object(blob.get("config"))
    return ConfigBlob(
        config=ImageConfig(
            entrypoint=_strings(config.get("Entrypoint")),
            cmd=_strings(config.get("Cmd")),
            env=tuple(item for item in _strings(config.get("Env")) if "=" in item),
            working_dir=_string(config.get("WorkingDir")),
            user=_string(config.get("User")),
            stop_signal=_string(config.get("StopSignal")),
            labels={_string(name): _string(value) for name, value in _object(config.get("Labels")).items()},
        ),
        diff_ids=_strings(_object(blob.get("rootfs")).get("diff_ids")),
        layer_digests=_strings(blob.get("layerDigests")),
    )


def _object(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{str(value)[:40]!r} is not an object")
    return value


def _strings(value: Any) -> tuple[str, ...]:
    """Docker also writes a single string for a list of one."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise TypeError(f"{str(value)[:40]!r} is not a list of strings")
    return tuple(_string(item) for item in value)


def _string(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not a string")
    value.encode()  # half of a surrogate pair, which JSON can spell, is no text: ValueError
    return value
