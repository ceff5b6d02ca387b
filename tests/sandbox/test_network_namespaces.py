"""Network namespaces that are made ahead of the pods."""

import _thread
import asyncio
import os

import pytest
from structlog.testing import capture_logs

from sandbox import network_namespaces
from sandbox.errors import SandboxError
from sandbox.network_namespaces import NetworkNamespaces
from tests.prerequisites import require_root
from tests.sandbox.one_pod import until


def held() -> list[str]:
    """The network namespaces of which this process has descriptors, but for its own."""
    own, found = os.readlink("/proc/self/ns/net"), []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            shown = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # that of the listing
            continue
        if shown.startswith("net:") and shown != own:
            found.append(shown)
    return found


def test_the_one_that_was_made_ahead_is_taken_once() -> None:
    require_root()

    async def scenario() -> None:
        await until(lambda: held() == [])
        namespaces = NetworkNamespaces()
        namespaces.make_ahead()
        under_way = namespaces.making
        namespaces.make_ahead()
        assert namespaces.making is under_way is not None
        await under_way
        namespaces.make_ahead()
        assert namespaces.making is None
        (ahead,) = held()
        first, second = await namespaces.take(), await namespaces.take()
        assert os.readlink(f"/proc/self/fd/{first}") == ahead
        assert len(set(held())) == 2
        namespaces.close()
        os.close(first)
        os.close(second)

    asyncio.run(scenario())
    assert held() == []


def test_what_is_being_made_at_the_end_is_not_left_behind() -> None:
    require_root()

    async def scenario() -> None:
        namespaces = NetworkNamespaces()
        namespaces.make_ahead()
        await asyncio.sleep(0)
        namespaces.close()
        await until(lambda: held() == [])

    asyncio.run(scenario())


def test_where_no_thread_can_be_had_that_is_said_once_and_the_next_pod_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a group: to lower it here would be felt by other tests."""
    require_root()

    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        namespaces = NetworkNamespaces()
        with monkeypatch.context() as without, capture_logs() as logs:
            without.setattr(_thread, "start_new_thread", start)
            namespaces.make_ahead()
            assert namespaces.making is not None
            await namespaces.making
            with pytest.raises(SandboxError, match="no thread can be started: let the server have more of them"):
                await namespaces.take()
        assert [(line["log_level"], line["cause"].split(":")[0]) for line in logs] == [
            ("warning", "no thread can be started")
        ]
        os.close(await namespaces.take())
        namespaces.close()

    asyncio.run(scenario())


def test_where_the_kernel_refuses_the_next_pod_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a machine: to lower it here would be felt by others."""

    def make() -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(network_namespaces, "_make", make)

    async def scenario() -> None:
        namespaces = NetworkNamespaces()
        namespaces.make_ahead()
        with pytest.raises(SandboxError, match=r"No space left on device; raise user\.max_net_namespaces"):
            await namespaces.take()
        namespaces.close()

    asyncio.run(scenario())
