import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.socket_shim import needs_shim, socket_shim
from image_store.image import Program
from sandbox import control


def program(
    kind: Literal["module", "component"] = "module", accepts: bool = False, begins_early: bool = False
) -> Program:
    nothing = Path("/nothing")
    return Program(kind, "sha256:0", nothing, nothing, "/web", "_start", (), True, accepts, begins_early=begins_early)


DEFAULTS = ["/proc/asound", "/proc/sys", "/sys/firmware"]


def test_an_ordinary_module_does_without() -> None:
    context = cri.LinuxContainerSecurityContext(readonly_paths=DEFAULTS, masked_paths=["/data"])
    assert not needs_shim(program(), 0, context)


@pytest.mark.parametrize(
    ("accepts", "listeners", "context"),
    [
        (True, 0, cri.LinuxContainerSecurityContext()),
        (True, 1, cri.LinuxContainerSecurityContext()),
        (False, 0, cri.LinuxContainerSecurityContext(readonly_rootfs=True)),
        (False, 0, cri.LinuxContainerSecurityContext(readonly_paths=[*DEFAULTS, "/data"])),
    ],
)
def test_it_takes_sockets_or_something_read_only(
    accepts: bool, listeners: int, context: cri.LinuxContainerSecurityContext
) -> None:
    assert needs_shim(program(accepts=accepts), listeners, context)
    assert not needs_shim(program("component"), 0, context)
    assert needs_shim(program(accepts=accepts, begins_early=True), listeners, context) == bool(listeners)


def test_a_pod_process_is_given_the_shim_that_it_knows() -> None:
    def shim(asks_host: bool, version: int) -> str:
        runtime: Any = SimpleNamespace(images=SimpleNamespace(runtime_module=_kept))
        return asyncio.run(socket_shim(runtime, 0, asks_host, version))[1]

    assert "root_symlink" in shim(True, control.VERSION)
    assert "root_symlink" not in shim(True, control.MAKES_LINKS - 1)
    assert "root_symlink" not in shim(False, control.VERSION)


async def _kept(text: bytes, subject: str, holder: str) -> str:
    return text.decode()
