"""From the blobs of an artifact to its record: its one layer is the program."""

from functools import partial

import structlog

from image_store import formats, image_config
from image_store.compiler import Source
from image_store.errors import NotWebAssembly, UnsupportedImage
from image_store.formats import Artifact
from image_store.image_config import ConfigBlob
from image_store.manifest import Manifest
from image_store.program_files import read_header
from image_store.pull_job import PullJob, record_of
from image_store.records import ImageRecord, ProgramRecord
from image_store.wasm_kind import MAGIC, is_precompiled, other_kind

log = structlog.get_logger()


async def make_artifact(job: PullJob, digest: str, found: Manifest, chosen: Artifact, raw_config: bytes) -> ImageRecord:
    """``digest``: of the manifest. It stands for the image where the config does not say what the image holds, as
    wasm-to-oci's, which is ``{}`` for all."""
    config = _config(job, raw_config)
    determined = config is not None and formats.config_determines(chosen, config)
    return record_of(found)._replace(
        id=found.config.digest if determined else digest,
        raw_config=b"{}" if config is None else raw_config,
        wasm=chosen.wasm.digest,
        program_name=chosen.name,
        programs={"": await _compiled(job, chosen)},
    )


def _config(job: PullJob, raw_config: bytes) -> ConfigBlob | None:
    """Makers of artifacts put into their config what they like."""
    try:
        return image_config.parse(job.name, raw_config)
    except UnsupportedImage as error:
        log.info("ignoring the config of an artifact", image=job.name, error=str(error))
        return None


async def _compiled(job: PullJob, chosen: Artifact) -> ProgramRecord:
    path = job.parts.blobs.path(chosen.wasm.digest)
    header = await job.parts.threads.run(partial(read_header, path))
    if is_precompiled(header):
        raise UnsupportedImage(f"image {job.name} is {other_kind(header)}: push the WebAssembly that it was made of")
    if not header.startswith(MAGIC):
        raise NotWebAssembly(
            f"{chosen.name} of image {job.name} is {other_kind(header)}; this runtime only runs WebAssembly: "
            "push a module or a component"
        )
    return await job.compile(Source(chosen.wasm.digest, path), chosen.name)
