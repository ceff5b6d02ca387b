"""Many listeners, fast and slow ones: no I/O."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from cri_server.errors import Ending, ListenerTooSlow
from cri_server.event_queue import MOST_BYTES, MOST_EVENTS, EventQueue


async def begun(queue: EventQueue) -> tuple[AsyncGenerator[bytes], "asyncio.Task[bytes]"]:
    """A listener that waits for its first event."""
    listener = queue.listen()
    first = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    return listener, first


def test_every_listener_hears_everything_from_its_beginning_on_in_order() -> None:
    async def scenario() -> None:
        queue = EventQueue()
        queue.tell(b"before anybody")
        one, first_of_one = await begun(queue)
        queue.tell(b"a")
        other, first_of_other = await begun(queue)
        queue.tell(b"b")
        queue.tell(b"c")
        assert [await first_of_one, await anext(one), await anext(one)] == [b"a", b"b", b"c"]
        assert [await first_of_other, await anext(other)] == [b"b", b"c"]

    asyncio.run(scenario())


def test_an_event_is_worth_making_while_somebody_listens() -> None:
    async def scenario() -> None:
        queue = EventQueue()
        heard = [queue.is_heard]
        listener, first = await begun(queue)
        heard.append(queue.is_heard)
        queue.tell(b"a")
        await first
        await listener.aclose()
        assert [*heard, queue.is_heard] == [False, True, False]

    asyncio.run(scenario())


@pytest.mark.parametrize("events", [[b"x"] * (MOST_EVENTS + 1), [bytes(1 << 20)] * (MOST_BYTES // (1 << 20) + 1)])
def test_a_listener_that_is_too_slow_is_dropped_and_nobody_else(events: list[bytes]) -> None:
    async def scenario() -> None:
        queue = EventQueue()
        slow, first_of_slow = await begun(queue)
        fast, first_of_fast = await begun(queue)
        queue.tell(b"first")
        assert await first_of_slow == await first_of_fast == b"first"
        for event in events:
            queue.tell(event)
            assert await anext(fast) == event
        with pytest.raises(ListenerTooSlow, match=f"{len(events)} were waiting"):
            await anext(slow)
        queue.tell(b"last")
        assert await anext(fast) == b"last"

    asyncio.run(scenario())


def test_as_many_as_there_is_room_for_may_wait() -> None:
    async def scenario() -> None:
        queue = EventQueue()
        listener, first = await begun(queue)
        for number in range(MOST_EVENTS):
            queue.tell(b"%d" % number)
        heard = [await first, *[await anext(listener) for _ in range(MOST_EVENTS - 1)]]
        assert heard == [b"%d" % number for number in range(MOST_EVENTS)]

    asyncio.run(scenario())


def test_the_end_comes_after_what_waits_and_nobody_listens_any_more() -> None:
    async def scenario() -> None:
        queue = EventQueue()
        listener, first = await begun(queue)
        queue.tell(b"a")
        queue.tell(b"b")
        queue.close(Ending("the end"))
        assert [await first, await anext(listener)] == [b"a", b"b"]
        for late in (listener, queue.listen()):
            with pytest.raises(Ending, match="the end"):
                await anext(late)
        assert not queue.is_heard

    asyncio.run(scenario())
