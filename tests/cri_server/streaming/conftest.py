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


class Serve(Protocol):
    def __call__(self, scenario: Scenario, **settings: Any) -> None: ...


@pytest.fixture
def serve() -> Serve:
    async def run(scenario: Scenario, settings: StreamingSettings) -> None:
        async with AsyncExitStack() as stack:
            server = await open_streaming(settings, stack)
            async with asyncio.timeout(_SECONDS):
                before = _descriptors()
                await scenario(server)
                await _happened(lambda: asyncio.all_tasks() == {asyncio.current_task()})
                await _happened(lambda: _descriptors() <= before)

    return lambda scenario, **settings: asyncio.run(run(scenario, StreamingSettings(**settings)))


def _descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


async def _happened(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)
