"""A pod's group as a transient scope that systemd makes and hands over (systemd.scope(5), its D-Bus interface).

With the systemd driver only systemd may make groups above the pod's; below the scope it leaves everything to us
(``Delegate=yes``). The scope is gone when its last process is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jeepney import DBusAddress, DBusErrorResponse, MatchRule, new_method_call
from jeepney.auth import AuthenticationError
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_router
from jeepney.io.common import RouterClosed
from jeepney.wrappers import unwrap_msg

from sandbox.errors import SandboxError

_SECONDS = 30.0
_STOP_MICROSECONDS = 5_000_000
"""Between systemd's SIGTERM, which ends guests and then pod processes, and its SIGKILL for those that hang. systemd's
own 90 s would hold up each shutdown of the node."""
_NO_LIMIT = (1 << 64) - 1
"""Of processes: systemd's own default is 15 % of the node's, and a pod's limit is the kubelet's, in the slice above."""
_MANAGER = DBusAddress("/org/freedesktop/systemd1", "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager")
_NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
_REMEDY = "see that systemd and its D-Bus socket are there, or set the cgroup driver to cgroupfs"


async def start_scope(scope_path: str, pid: int, bus: str = "SYSTEM") -> None:
    """Have systemd make the scope with process ``pid`` in it. Returns when it stands.

    ``scope_path`` is the group's path; its last two names are slice and scope. ``bus``: the address, if it is not the
    system bus. Raises SandboxError.
    """
    above, _, scope = scope_path.rpartition("/")
    properties = _properties(scope, above.rpartition("/")[2] or "-.slice", pid)
    async with _connected(f"scope {scope} cannot be made", bus) as systemd:
        await systemd.run_job("StartTransientUnit", "ssa(sv)a(sa(sv))", (scope, "fail", properties, []))


async def stop_scope(scope_path: str, bus: str = "SYSTEM") -> None:
    """Have systemd end what is left in the scope and forget it. Idempotent. Raises SandboxError."""
    scope = scope_path.rpartition("/")[2]
    async with _connected(f"scope {scope} cannot be removed", bus) as systemd:
        try:
            await systemd.run_job("StopUnit", "ss", (scope, "replace"))
            await systemd.call("ResetFailedUnit", "s", (scope,))
        except DBusErrorResponse as error:
            if error.name != _NO_SUCH_UNIT:
                raise


def _properties(scope: str, slice_name: str, pid: int) -> list[tuple[str, tuple[str, Any]]]:
    accounting = [(f"{resource}Accounting", ("b", True)) for resource in ("CPU", "Memory", "Tasks", "IO")]
    return [
        ("Description", ("s", f"wasmlet pod {scope.removesuffix('.scope').removeprefix('wasmlet-')}")),
        ("Slice", ("s", slice_name)),
        ("PIDs", ("au", [pid])),
        ("Delegate", ("b", True)),
        ("DefaultDependencies", ("b", False)),
        ("CollectMode", ("s", "inactive-or-failed")),
        ("TimeoutStopUSec", ("t", _STOP_MICROSECONDS)),
        ("TasksMax", ("t", _NO_LIMIT)),
        *accounting,
    ]


class _Systemd:
    """Calls to systemd's manager object, and the jobs it has finished."""

    def __init__(self, router: DBusRouter, finished: "asyncio.Queue[Any]") -> None:
        self._router = router
        self._finished = finished

    async def call(self, method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """The body of the answer. Raises DBusErrorResponse."""
        reply = await self._router.send_and_get_reply(new_method_call(_MANAGER, method, signature, body))
        answer: tuple[Any, ...] = unwrap_msg(reply)
        return answer

    async def run_job(self, method: str, signature: str, body: tuple[Any, ...]) -> None:
        """Start a job and wait until it is done, even if that is announced before the call is answered."""
        (job,) = await self.call(method, signature, body)
        while True:
            _, finished, unit, result = (await self._finished.get()).body
            if finished == job:
                break
        if result != "done":
            raise SandboxError(f"systemd's job on {unit} ended as {result}: see 'journalctl -u {unit}'")


@asynccontextmanager
async def _connected(purpose: str, bus: str) -> AsyncIterator[_Systemd]:
    """``purpose`` begins the sentence of every error."""
    try:
        async with asyncio.timeout(_SECONDS), open_dbus_router(bus) as router:
            with router.filter(_job_removed(), queue=asyncio.Queue()) as finished:
                await Proxy(message_bus, router).AddMatch(_job_removed())
                systemd = _Systemd(router, finished)
                await systemd.call("Subscribe")
                yield systemd
    except DBusErrorResponse as error:
        raise SandboxError(f"{purpose}: systemd answers {error.name}: {' '.join(map(str, error.data))}") from error
    except TimeoutError as error:
        raise SandboxError(f"{purpose}: systemd does not answer in {_SECONDS:.0f} s; {_REMEDY}") from error
    except (OSError, EOFError, RouterClosed, AuthenticationError) as error:
        raise SandboxError(f"{purpose}: systemd cannot be reached over D-Bus: {error}; {_REMEDY}") from error


def _job_removed() -> MatchRule:
    return MatchRule(type="signal", interface=_MANAGER.interface, member="JobRemoved", path=_MANAGER.object_path)
