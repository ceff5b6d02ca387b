"""Programs that the zygote holds ready, so that the pods it forks find them mapped."""

from cri_server.config import Settings
from cri_server.container_program import program_spec
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.socket_shim import needs_shim, socket_shim
from cri_server.toolbox import Toolbox
from image_store.image import Program
from image_store.store import ImageStore
from sandbox.specs import ProgramSpec


def warm_programs(settings: Settings, images: ImageStore, toolbox: Toolbox) -> list[ProgramSpec]:
    """Most recently used last, which is the order to load them in. The toolbox is one more, and stays."""
    recent = images.recently_used_programs(settings.zygote.warm_programs)
    programs = [*reversed(recent), *([toolbox.ready] if toolbox.ready else [])]
    return [program_spec(program) for program in programs]


async def load_toolbox(runtime: Runtime, program: Program) -> None:
    """Once it is compiled: what a pod loads by itself when it is first used there takes memory of its own."""
    await runtime.pods.load(program_spec(program))
    if needs_shim(program, 0, cri.LinuxContainerSecurityContext()):
        await runtime.pods.load_shim(await socket_shim(runtime, 0, program.asks_host))


async def warm_zygote(runtime: Runtime) -> None:
    """After something new was pulled. The zygote recognises what it has."""
    for program in warm_programs(runtime.settings, runtime.images, runtime.toolbox):
        await runtime.pods.load(program)
