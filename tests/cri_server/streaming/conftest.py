"""A streaming server for a scenario; nothing of its clients may be left afterwards."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest

from cri_server.config import StreamingSettings
from cri_server.streaming.server import StreamingServer, open_streaming

Scenario = Callable[[StreamingServer], Awaitable[None]]
_SECONDS = 240
_LIMITS = (
    "server._SECONDS_FOR_TLS",
    "server._SECONDS_TO_SAY_GOODBYE",
    "reception._SECONDS_FOR_A_REQUEST",
    "reception._SECONDS_TO_READ_A_REFUSAL",
    "conversation._SECONDS_TO_HEAR_OF_THE_END",
    "spdy_carrier._SECONDS_TO_CLOSE",
    "channel_carrier._SECONDS_TO_CLOSE",
)


class Serve(Protocol):
    def __call__(self, scenario: Scenario, **settings: Any) -> None: ...


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Patient with its clients, on a busy machine also with those that mean it; a scenario may say otherwise."""
    for limit in _LIMITS:
        monkeypatch.setattr(f"cri_server.streaming.{limit}", _SECONDS)

    async def run(scenario: Scenario, settings: StreamingSettings) -> None:
        async with AsyncExitStack() as stack:
            server = await open_streaming(settings, stack)
            async with asyncio.timeout(_SECONDS):
                before = _descriptors()
                await scenario(server)
                await _happened(lambda: asyncio.all_tasks() == {asyncio.current_task()})
                await _happened(lambda: _descriptors() <= before)

    return lambda scenario, **settings: asyncio.run(
        run(scenario, StreamingSettings(**{"creation_seconds": _SECONDS, **settings}))
    )


def _descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


async def _happened(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)
