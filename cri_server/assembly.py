"""The parts of a server, made from its settings. Each is closed again in reverse order."""

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from cri_server.config import Settings
from cri_server.errors import StartupError
from cri_server.paths import Paths
from cri_server.runtime import Runtime
from cri_server.streaming.server import open_streaming
from cri_server.toolbox import Toolbox
from cri_server.warm import warm_programs
from image_store.errors import ImageStoreError
from image_store.observer import StoreObserver
from image_store.store import ImageStore, StoreSettings
from sandbox.cgroup import driver, tree
from sandbox.errors import SandboxError
from sandbox.file_system import file_system_of
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from sandbox.network.chosen import ChosenNetwork
from sandbox.network.cni.network import CniNetwork, CniSettings
from sandbox.network.provider import NetworkProvider
from sandbox.pod_processes import PodProcesses


async def open_runtime(
    settings: Settings, paths: Paths, stack: AsyncExitStack, observer: StoreObserver | None = None
) -> Runtime:
    """``observer``: of the images. Raises StartupError for what the settings make impossible."""
    try:
        layout = tree.detect()
        stack.callback(tree.remove_default_parent, layout)
        images = await _open_images(settings, paths, stack, observer)
        toolbox = await _open_toolbox(settings, images, stack)
        return Runtime(
            settings=settings,
            paths=paths,
            images=images,
            pods=await _open_pods(settings, paths, images, toolbox, stack),
            network=await _open_network(settings, paths, stack),
            streaming=await open_streaming(settings.streaming, stack),
            toolbox=toolbox,
            cgroup_layout=layout,
            cgroup_driver=_cgroup_driver(settings, layout),
            file_system=file_system_of(paths.root),
        )
    except (SandboxError, ImageStoreError) as error:
        raise StartupError(str(error)) from error
    except OSError as error:
        raise StartupError(f"the server cannot start on this machine: {error}; run it as root") from error


async def _open_images(
    settings: Settings, paths: Paths, stack: AsyncExitStack, observer: StoreObserver | None
) -> ImageStore:
    images = await ImageStore.open(Path(paths.images), _store_settings(settings), observer)
    stack.push_async_callback(images.close)
    return images


async def _open_toolbox(settings: Settings, images: ImageStore, stack: AsyncExitStack) -> Toolbox:
    toolbox = Toolbox(settings.exec.toolbox, images)
    await toolbox.open()
    stack.push_async_callback(toolbox.close)
    return toolbox


async def _open_pods(
    settings: Settings, paths: Paths, images: ImageStore, toolbox: Toolbox, stack: AsyncExitStack
) -> PodProcesses:
    warm = partial(warm_programs, settings, images, toolbox)
    pods = PodProcesses(Path(paths.state), settings.zygote.warm_programs + toolbox.programs, warm)
    await pods.open()
    stack.push_async_callback(pods.close)
    return pods


async def _open_network(settings: Settings, paths: Paths, stack: AsyncExitStack) -> NetworkProvider:
    """A network that does not work yet is no reason not to serve: Status tells it, and the host's can be used."""
    cni = _cni_network(settings, paths)
    network = ChosenNetwork(cni, _own_network(settings, paths), by_plugins=bool(settings.network.cni_conf_dir))
    await network.open()
    stack.push_async_callback(network.close)
    return network


def _own_network(settings: Settings, paths: Paths) -> BridgeNetwork:
    wanted = BridgeSettings(bridge=settings.network.bridge, subnet=settings.network.subnet)
    return BridgeNetwork(Path(paths.root), Path(paths.state), wanted)


def _cni_network(settings: Settings, paths: Paths) -> CniNetwork:
    wanted = settings.network
    folders = tuple(Path(folder) for folder in wanted.cni_bin_dirs)
    conf_dir = Path(wanted.cni_conf_dir) if wanted.cni_conf_dir else None
    return CniNetwork(Path(paths.root), Path(paths.state), CniSettings(conf_dir, folders, wanted.cni_plugin_seconds))


def _cgroup_driver(settings: Settings, layout: tree.Layout) -> str:
    return driver.default_driver(layout) if settings.cgroup.driver == "auto" else settings.cgroup.driver


def _store_settings(settings: Settings) -> StoreSettings:
    images, compilation = settings.images, settings.compile
    return StoreSettings(
        max_layer_bytes=images.max_layer_bytes,
        max_module_bytes=images.max_module_bytes,
        plain_http=tuple(images.plain_http),
        registry_config=Path(images.registry_config),
        pull_progress_seconds=images.pull_progress_seconds,
        concurrent_pulls=images.concurrent_pulls,
        pinned=tuple(images.pinned),
        compile_seconds=compilation.seconds,
        compile_memory_bytes=compilation.memory_bytes,
        parallel_compilations=compilation.parallel,
    )
