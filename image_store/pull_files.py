"""From the blobs of an image of files to its record: the layers are merged into a tree, and its programs compiled."""

from functools import partial
from pathlib import Path

import structlog

from image_store import image_config
from image_store.compiler import Source
from image_store.digests import chain_id, digest_of_file
from image_store.errors import LimitExceeded, ModuleInvalid, ProgramNotFound, UnsupportedImage
from image_store.formats import Files
from image_store.image import ImageConfig
from image_store.image_config import ConfigBlob
from image_store.layers import Limits
from image_store.manifest import Manifest
from image_store.program_files import DEFAULT_PATH, Found, find, lying_in, read_header
from image_store.pull_job import PullJob, record_of
from image_store.records import ImageRecord, Layer, ProgramRecord
from image_store.resources import tree
from image_store.wasm_kind import is_precompiled, is_text, kind_of

log = structlog.get_logger()


async def make_files(job: PullJob, found: Manifest, chosen: Files, raw_config: bytes) -> ImageRecord:
    config = image_config.parse(job.name, raw_config)
    layers = _layers(job, chosen, config)
    chain = chain_id(config.diff_ids)
    await _build_tree(job, chain, layers)
    return record_of(found)._replace(
        id=found.config.digest,
        raw_config=raw_config,
        layers=layers,
        chain_id=chain,
        programs=await _compile_programs(job, job.parts.trees.path(chain), config.config),
    )


def _layers(job: PullJob, chosen: Files, config: ConfigBlob) -> tuple[Layer, ...]:
    if len(chosen.layers) != len(config.diff_ids):
        raise UnsupportedImage(
            f"the config of image {job.name} names {len(config.diff_ids)} layers, but its manifest "
            f"{len(chosen.layers)}: build and push the image again"
        )
    pairs = zip(chosen.layers, config.diff_ids, strict=True)
    return tuple(Layer(descriptor.digest, diff_id) for descriptor, diff_id in pairs)


async def _build_tree(job: PullJob, chain: str, layers: tuple[Layer, ...]) -> None:
    """A tree that is there is used again where an image proves that these very layers make it."""
    parts = job.parts
    await job.claim(tree(chain))
    async with parts.locks.hold(chain):
        proven = any(record.layers == layers for record in parts.inventory.records())
        if proven and await parts.threads.run(partial(parts.trees.has, chain)):
            return
        blobs = [(parts.blobs.path(layer.digest), layer) for layer in layers]
        limits = Limits(parts.settings.max_layer_bytes, parts.settings.max_layer_entries)
        build = partial(parts.trees.build, job.name, chain, blobs, limits, job.sockets.check)
        await parts.threads.run_cuttable(job.sockets, build)


async def _compile_programs(job: PullJob, root: Path, config: ImageConfig) -> dict[str, ProgramRecord]:
    """The program that the image starts, which must be sound if it is WebAssembly, and what else lies there."""
    programs: dict[str, ProgramRecord] = {}
    main = await job.parts.threads.run(partial(_main_program, job.name, root, config))
    if main is not None:
        programs[main.inside] = await job.compile(await _source(job, main), f"/{main.inside}")
    for other in await job.parts.threads.run(partial(lying_in, root, job.parts.settings.compiled_at_pull)):
        if other.inside not in programs:
            programs.update(await _compiled_if_sound(job, other))
    return programs


def _main_program(name: str, root: Path, config: ImageConfig) -> Found | None:
    """What the image starts, if that is WebAssembly. Blocking."""
    command = next(iter((*config.entrypoint, *config.cmd)), "")
    variables = dict(item.split("=", 1) for item in config.env)
    try:
        found = find(root, config.working_dir, command, variables.get("PATH", DEFAULT_PATH))
    except ProgramNotFound:
        return None
    header = read_header(found.path)
    if is_precompiled(header):
        raise UnsupportedImage(
            f'"/{found.inside}" of image {name} is precompiled WebAssembly, which is native code from elsewhere: '
            "put the WebAssembly that it was made of into the image"
        )
    return found if kind_of(header) or is_text(found.path.name, header) else None


async def _compiled_if_sound(job: PullJob, found: Found) -> dict[str, ProgramRecord]:
    """It may be there for another reason than to be run."""
    try:
        program = await job.compile(await _source(job, found), f"/{found.inside}")
    except (ModuleInvalid, LimitExceeded) as error:
        log.info("not compiling a file of an image", image=job.name, file=found.inside, error=str(error))
        return {}
    return {found.inside: program._replace(used_at=0)}


async def _source(job: PullJob, found: Found) -> Source:
    return Source(await job.parts.threads.run(partial(digest_of_file, found.path)), found.path)
