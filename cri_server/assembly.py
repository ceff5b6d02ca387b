"""The parts of a server, made from its settings. Each is closed again in reverse order."""

from contextlib import AsyncExitStack

from image_store.errors import ImageStoreError

from cri_server.config import Settings
from cri_server.errors import StartupError
from cri_server.paths import Paths
from cri_server.runtime import Runtime
from sandbox.cgroup import driver, tree
from sandbox.errors import SandboxError


async def open_runtime(settings: Settings, paths: Paths, stack: AsyncExitStack) -> Runtime:
    """Raises StartupError for what the settings make impossible."""
    try:
        layout = tree.detect()
        images = await _open_images(settings, paths, stack)
        return Runtime(
            settings=settings,
            paths=paths,
            images=images,
            pods=await _open_pods(settings, paths, images, stack),
            network=await _open_network(settings, paths, stack),
            cgroup_layout=layout,
            cgroup_driver=_cgroup_driver(settings, layout),
        )
    except (SandboxError, ImageStoreError) as error:
        raise StartupError(str(error)) from error


def _cgroup_driver(settings: Settings, layout: tree.Layout) -> str:
    return driver.default_driver(layout) if settings.cgroup.driver == "auto" else settings.cgroup.driver
