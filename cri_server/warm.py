"""Programs that the zygote holds ready, so that the pods it forks find them mapped."""

from cri_server.config import Settings
from cri_server.container_program import program_spec
from cri_server.runtime import Runtime
from image_store.store import ImageStore
from sandbox.specs import ProgramSpec


def warm_programs(settings: Settings, images: ImageStore) -> list[ProgramSpec]:
    """Most recently used last, which is the order to load them in."""
    recent = images.recently_used_programs(settings.zygote.warm_programs)
    return [program_spec(program) for program in reversed(recent)]


async def warm_zygote(runtime: Runtime) -> None:
    """After something new was pulled. The zygote recognises what it has."""
    for program in warm_programs(runtime.settings, runtime.images):
        await runtime.pods.load(program)
