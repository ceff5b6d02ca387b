"""Which program of the image a container runs, and whether this runtime can run it."""

from typing import NamedTuple

from cri_server import container_process
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, UnknownObject
from cri_server.runtime import Runtime
from image_store.image import Image, Program
from sandbox.specs import ProgramSpec


class Command(NamedTuple):
    argv: list[str]
    program: Program


def find_image(runtime: Runtime, config: cri.ContainerConfig) -> Image:
    """CRI: the kubelet has pulled it; creating a container never does. Raises UnknownObject, InvalidReference."""
    image = runtime.images.get(config.image.image)
    if image is None:
        raise UnknownObject(
            f"image {config.image.image} of container {config.metadata.name} is not on this node: pull it first"
        )
    return image


async def resolve_command(
    runtime: Runtime, config: cri.ContainerConfig, image: Image, variables: dict[str, str]
) -> Command:
    """Raises InvalidRequest and what the image store says of a command that is no program."""
    name = config.metadata.name
    argv = container_process.arguments(config, image.config.entrypoint, image.config.cmd)
    if _runs_itself(config, image):
        argv = ["", *argv]
    if not argv:
        raise InvalidRequest(
            f"container {name} has no command, and image {config.image.image} has none either: set command"
        )
    container_process.check_arguments(argv, name)
    program = await runtime.images.program(image, argv[0], container_process.program_path(variables))
    _check(program, name)
    return Command([argv[0] or program.name, *argv[1:]], program)


def _runs_itself(config: cri.ContainerConfig, image: Image) -> bool:
    """A WebAssembly artifact is its own command: it has neither files nor an entrypoint."""
    return image.rootfs is None and not image.config.entrypoint and not config.command


def _check(program: Program, container: str) -> None:
    if program.unmet_imports:
        names = ", ".join(program.unmet_imports)
        raise InvalidRequest(
            f"{program.kind} {program.name} of container {container} imports {names}, which this runtime does not "
            "provide: build it for WASI preview 1 or WASI 0.2"
        )
    if not program.has_command_entry and not program.handles_http:
        raise InvalidRequest(
            f"{program.kind} {program.name} of container {container} has no entry {program.entry}: "
            "build it as a command"
        )


def program_spec(program: Program) -> ProgramSpec:
    kind = "handler" if program.handles_http else program.kind
    return ProgramSpec(kind=kind, compiled=str(program.compiled), entry=program.entry)
