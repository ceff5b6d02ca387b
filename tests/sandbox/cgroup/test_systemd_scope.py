"""Scopes asked for over a real bus, of a peer that stands for systemd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, DBusRouter, Proxy, open_dbus_connection

from sandbox.cgroup.systemd_scope import start_scope, stop_scope
from sandbox.errors import SandboxError
from tests.prerequisites import require_tool

NAME = "org.freedesktop.systemd1"
SCOPE = "/kubepods.slice/kubepods-pod1.slice/wasmlet-abc.scope"
CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""


class Systemd:
    """Records calls; answers each with a job, announced before or after, or with an error."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection
        self._jobs = 0
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.errors: dict[str, str] = {}
        self.result = "done"
        self.announces_first = False

    async def serve(self) -> None:
        while True:
            message = await self._connection.receive()
            if message.header.message_type is MessageType.method_call:
                await self._answer(message)

    async def _answer(self, message: Message) -> None:
        method = message.header.fields[HeaderFields.member]
        self.calls.append((method, message.body))
        if method in self.errors:
            await self._connection.send(new_error(message, f"{NAME}.{self.errors[method]}", "s", ("as told",)))
        elif method in ("StartTransientUnit", "StopUnit"):
            await self._answer_with_job(message)
        else:
            await self._connection.send(new_method_return(message))

    async def _answer_with_job(self, message: Message) -> None:
        self._jobs += 1
        job = f"/org/freedesktop/systemd1/job/{self._jobs}"
        answer = new_method_return(message, "o", (job,))
        other = self._removed("/org/freedesktop/systemd1/job/99", "other.service", "failed")
        removed = self._removed(job, message.body[0], self.result)
        for step in (other, removed, answer) if self.announces_first else (answer, other, removed):
            await self._connection.send(step)

    def _removed(self, job: str, unit: str, result: str) -> Message:
        manager = DBusAddress("/org/freedesktop/systemd1", interface=f"{NAME}.Manager")
        return new_signal(manager, "JobRemoved", "uoss", (1, job, unit, result))


@asynccontextmanager
async def bus(folder: Path) -> AsyncIterator[tuple[str, Systemd]]:
    address = f"unix:path={folder}/bus"
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(address=address))
    program = str(require_tool("dbus-daemon"))
    daemon = await asyncio.create_subprocess_exec(
        program, f"--config-file={configuration}", "--nofork", "--print-address", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert daemon.stdout
        await daemon.stdout.readline()
        async with await open_dbus_connection(address) as connection:
            async with DBusRouter(connection) as router:
                await Proxy(message_bus, router).RequestName(NAME)
            systemd = Systemd(connection)
            serving = asyncio.create_task(systemd.serve())
            yield address, systemd
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
    finally:
        daemon.terminate()
        await daemon.communicate()


def with_systemd(folder: Path, test: Callable[[str, Systemd], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bus(folder) as (address, systemd):
            await test(address, systemd)

    asyncio.run(run())


@pytest.mark.parametrize("announces_first", [False, True])
def test_a_scope_is_asked_for_with_its_process_and_delegated(tmp_path: Path, announces_first: bool) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        systemd.announces_first = announces_first
        await start_scope(SCOPE, 4321, address)
        assert [method for method, _ in systemd.calls] == ["Subscribe", "StartTransientUnit"]
        unit, mode, properties, others = systemd.calls[-1][1]
        assert (unit, mode, others) == ("wasmlet-abc.scope", "fail", [])
        values = dict(properties)
        assert values["Slice"] == ("s", "kubepods-pod1.slice")
        assert values["PIDs"] == ("au", [4321])
        assert values["Delegate"] == ("b", True)
        assert values["CollectMode"] == ("s", "inactive-or-failed")
        assert values["TasksMax"] == ("t", (1 << 64) - 1), "systemd's default is nobody's wish"
        assert values["TimeoutStopUSec"][1] < 30_000_000, "it outlasts neither our patience nor a shutdown's"

    with_systemd(tmp_path, test)


def test_a_scope_that_systemd_refuses(tmp_path: Path) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        systemd.errors["StartTransientUnit"] = "UnitExists"
        with pytest.raises(
            SandboxError, match=r"scope wasmlet-abc.scope cannot be made: systemd answers .*UnitExists: as"
        ):
            await start_scope(SCOPE, 4321, address)

    with_systemd(tmp_path, test)


def test_a_job_that_fails(tmp_path: Path) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        systemd.result = "dependency"
        with pytest.raises(SandboxError, match=r"job on wasmlet-abc.scope ended as dependency"):
            await start_scope(SCOPE, 4321, address)

    with_systemd(tmp_path, test)


def test_a_scope_is_stopped_and_its_failure_forgotten(tmp_path: Path) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        await stop_scope(SCOPE, address)
        expected = [("StopUnit", ("wasmlet-abc.scope", "replace")), ("ResetFailedUnit", ("wasmlet-abc.scope",))]
        assert systemd.calls[1:] == expected

    with_systemd(tmp_path, test)


@pytest.mark.parametrize("method", ["StopUnit", "ResetFailedUnit"])
def test_a_scope_that_is_gone_needs_no_stop(tmp_path: Path, method: str) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        systemd.errors[method] = "NoSuchUnit"
        await stop_scope(SCOPE, address)
        assert systemd.calls[-1][0] == method

    with_systemd(tmp_path, test)


def test_a_stop_that_systemd_refuses(tmp_path: Path) -> None:
    async def test(address: str, systemd: Systemd) -> None:
        systemd.errors["StopUnit"] = "AccessDenied"
        with pytest.raises(SandboxError, match=r"cannot be removed: systemd answers .*AccessDenied"):
            await stop_scope(SCOPE, address)

    with_systemd(tmp_path, test)


def test_without_a_bus_the_error_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be reached over D-Bus: .*set the cgroup driver to cgroupfs"):
        asyncio.run(start_scope(SCOPE, 1, f"unix:path={tmp_path}/none"))
