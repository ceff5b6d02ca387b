"""GetContainerEvents: what happens to sandboxes and containers, from now until the client leaves or the server ends."""

from collections.abc import AsyncIterator

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def get_container_events(runtime: Runtime, request: cri.GetEventsRequest) -> AsyncIterator[bytes]:
    async for event in runtime.events.listen():
        yield event
