"""Which kind of image a manifest describes. The media types of the layers decide, then that of the config.

| kind | layers |
|---|---|
| artifact | WebAssembly itself: the CNCF's, wasm-to-oci's, Solo.io's, runwasi's |
| files | tar archives with the WebAssembly among the files |
"""

from typing import NamedTuple

from image_store.errors import UnsupportedImage
from image_store.image_config import ConfigBlob
from image_store.manifest import Descriptor, Manifest

_WASM_LAYERS = (
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    "application/vnd.bytecodealliance.wasm.module.layer.v0+wasm",
)
_FILE_LAYERS = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
)
_SPIN = "application/vnd.fermyon.spin."
_SPIN_LAYERS = ("application/vnd.wasm.content.layer.v1+data", "application/vnd.wasm.content.bundle.v1.tar+gzip")

TITLE = "org.opencontainers.image.title"
_MOST_NAME_BYTES = 255


class Artifact(NamedTuple):
    wasm: Descriptor
    name: str
    """Of the program, where a command does not say."""


class Files(NamedTuple):
    layers: tuple[Descriptor, ...]
    """Lowest first. How each is compressed is seen from its bytes: media types are not always right."""


def choose(name: str, manifest: Manifest) -> Artifact | Files:
    """``name``: of the image, for errors. Raises UnsupportedImage."""
    types = [layer.media_type.partition(";")[0].strip() for layer in manifest.layers]
    _refuse_spin(name, [manifest.config.media_type, *types])
    if types and all(media_type in _FILE_LAYERS for media_type in types):
        return Files(manifest.layers)
    wasm = [layer for layer, media_type in zip(manifest.layers, types, strict=True) if media_type in _WASM_LAYERS]
    if len(wasm) == 1 and len(types) == 1:
        return Artifact(wasm[0], _title(wasm[0]))
    raise _unsupported(name, types)


def _refuse_spin(name: str, types: list[str]) -> None:
    if any(media_type.startswith(_SPIN) or media_type in _SPIN_LAYERS for media_type in types):
        raise UnsupportedImage(
            f"image {name} is a Spin application, which needs the Spin runtime: build it as a WASI command instead"
        )


def _title(layer: Descriptor) -> str:
    title = layer.annotations.get(TITLE, "").rpartition("/")[2]
    return title if _is_file_name(title) else "main.wasm"


def _is_file_name(text: str) -> bool:
    """Whoever pushed it may have written anything; a container that mounts the artifact has a file of that name."""
    return text not in ("", ".", "..") and text.isprintable() and len(text.encode()) <= _MOST_NAME_BYTES


def _unsupported(name: str, types: list[str]) -> UnsupportedImage:
    if not types:
        return UnsupportedImage(f"image {name} has no layers: push WebAssembly, or an image with WebAssembly in it")
    if all(media_type in _WASM_LAYERS for media_type in types):
        return UnsupportedImage(
            f"image {name} has {len(types)} layers of WebAssembly, of which none can be preferred: push one"
        )
    unknown = sorted({kind or "none" for kind in types if kind not in _FILE_LAYERS and kind not in _WASM_LAYERS})
    strange = f"layers of media type {', '.join(unknown)}" if unknown else "layers of files beside WebAssembly"
    return UnsupportedImage(
        f"image {name} has {strange}, which this runtime does not know: push a WebAssembly artifact or an OCI image"
    )


def config_determines(chosen: Artifact | Files, config: ConfigBlob) -> bool:
    """The config names the content, so that its digest can stand for the image."""
    if isinstance(chosen, Files):
        return bool(config.diff_ids)
    named = (chosen.wasm.digest,)
    return config.layer_digests == named or config.diff_ids == named
