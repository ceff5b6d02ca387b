import asyncio
import time

from cri_server.clock import Clock
from cri_server.usage_reader import UsageReader


def test_what_is_told_later_was_read_later() -> None:
    read: list[int] = []

    def look(clock: Clock) -> int:
        time.sleep(0.001)
        read.append(clock.now())
        return read[-1]

    async def scenario() -> list[int]:
        reader = UsageReader()
        return await asyncio.gather(*(reader.read(look) for _ in range(20)))

    told = asyncio.run(scenario())
    assert told == read == sorted(set(read))
