"""A server from its start to its end.

    paths and locks → stores, network, zygote → recovery → socket → serving → SIGTERM → stores closed, pods live on

The socket is bound only after recovery: until then a client finds nobody, and never half of what there is.
"""

import asyncio
import gc
import os
import resource
import signal
import stat
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog

from cri_server import logs, service_socket
from cri_server.config import Settings
from cri_server.errors import Ending, UnusableSetting
from cri_server.path_lock import locked
from cri_server.paths import Paths

if TYPE_CHECKING:
    import grpc

    from cri_server.metrics import Metrics
    from cri_server.runtime import Runtime
    from cri_server.service import Observe

_SECONDS_FOR_CALLS = 2.0
_SECONDS_FOR_OPERATIONS = 10.0

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartupError."""
    logs.configure(settings.log)
    os.umask(0o022)
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # what is forked executes something else: nothing to be told each time
    _raise_file_limit()
    paths = Paths(settings.root, settings.state)
    _make_directories(settings, paths)
    with (
        locked(os.path.join(paths.root, "lock"), "root", paths.root),
        locked(os.path.join(paths.state, "lock"), "state", paths.state),
        locked(settings.socket + ".lock", "socket", settings.socket),
    ):
        service_socket.clear_way(settings.socket)
        asyncio.run(_serve(settings, paths))


def _raise_file_limit() -> None:
    """Each pod takes the server two descriptors, and a shell's usual 1,024 would be 500 pods."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _make_directories(settings: Settings, paths: Paths) -> None:
    _make_directory("root", paths.root, 0o700)
    _make_directory("state", paths.state, 0o711)  # by default the socket is in it
    _make_directory("socket", os.path.dirname(settings.socket), 0o755)
    for folder in (paths.pods, paths.trash, paths.pod_states):
        _make_directory("root" if folder.startswith(paths.root) else "state", folder, 0o700)


def _make_directory(key: str, path: str, mode: int) -> None:
    try:
        os.makedirs(path, mode, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(0, "permission denied")
        if key != "socket":
            _refuse_others(key, path)
    except OSError as error:
        raise UnusableSetting(
            key, f"{path} cannot be used: {error.strerror}; choose a directory that can be written"
        ) from error


def _refuse_others(key: str, path: str) -> None:
    """Who can rename what is in it can hand the server other records and other compiled code."""
    found = os.stat(path)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnusableSetting(
            key,
            f"{path} can be changed by others than root; give it to root and 'chmod go-w' it, or choose another one",
        )


async def _serve(settings: Settings, paths: Paths) -> None:
    from cri_server.assembly import open_runtime
    from cri_server.operations import settle
    from cri_server.recovery import recover
    from cri_server.usage_sampler import keep_sampling
    from cri_server.warm import load_toolbox

    stopping = _stop_event()
    async with AsyncExitStack() as stack:
        metrics = _open_metrics(settings, stack)
        runtime = await open_runtime(settings, paths, stack, metrics.store if metrics else None)
        await recover(runtime)
        if metrics:
            metrics.show(runtime)
        runtime.toolbox.warm(partial(load_toolbox, runtime))
        sampling = asyncio.create_task(keep_sampling(runtime))
        stack.callback(sampling.cancel)
        server = await _listen(runtime, settings.socket, metrics.rpc if metrics else None)
        _announce(settings)
        await stopping.wait()
        log.info("stopping: pods live on")
        _let_go(runtime)
        runtime.events.close(Ending("the server is about to end, and pods live on: subscribe again"))
        await server.stop(_SECONDS_FOR_CALLS)
        await settle(runtime, _SECONDS_FOR_OPERATIONS)


def _let_go(runtime: "Runtime") -> None:
    for sandbox in runtime.sandboxes.all():
        if sandbox.process is not None:
            sandbox.process.streams.let_go()


def _open_metrics(settings: Settings, stack: AsyncExitStack) -> "Metrics | None":
    """Their library is imported where they are wanted only."""
    if not settings.metrics.address:
        return None
    from cri_server.metrics_server import open_metrics

    return open_metrics(settings.metrics.address, stack)


def _stop_event() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _listen(runtime: "Runtime", path: str, observe: "Observe | None") -> "grpc.aio.Server":
    from grpc import aio

    from cri_server.handlers import HANDLERS
    from cri_server.service import OPTIONS, generic_handlers

    server = aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(generic_handlers(runtime, HANDLERS, observe))
    umask = os.umask(0o777 & ~service_socket.MODE)
    try:
        server.add_insecure_port(f"unix://{path}")
    except RuntimeError as error:
        raise UnusableSetting("socket", f"{path} cannot be bound: {error}; choose another path") from error
    finally:
        os.umask(umask)
    await server.start()
    return server


def _announce(settings: Settings) -> None:
    from cri_server.readiness import notify_ready
    from cri_server.version import wasmlet_version

    gc.collect()
    gc.freeze()  # what was imported stays: the collector need not look at it again
    notify_ready()
    log.info("serving", socket=settings.socket, root=settings.root, state=settings.state, version=wasmlet_version())
