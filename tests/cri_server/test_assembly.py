import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cri_server.assembly import open_runtime
from cri_server.config import Settings
from cri_server.errors import StartupError
from cri_server.paths import Paths
from sandbox.errors import SandboxError
from sandbox.pod_processes import PodProcesses


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied"), "the server cannot start on this machine: .*; run it as root"),
        (SandboxError("distribution wasmtime is not installed: install it"), "distribution wasmtime is not installed"),
    ],
)
def test_what_this_machine_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    async def refuse(pods: PodProcesses) -> None:
        raise error

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await open_runtime(Settings(), Paths(str(tmp_path / "root"), str(tmp_path / "state")), stack)

    monkeypatch.setattr(PodProcesses, "open", refuse)
    (tmp_path / "root").mkdir()
    with pytest.raises(StartupError, match=line):
        asyncio.run(scenario())
