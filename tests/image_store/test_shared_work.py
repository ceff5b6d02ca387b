"""Work is done once for all who wait for it."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from image_store.shared_work import SharedWork


def work(
    log: list[str], gate: asyncio.Event, failure: Exception | None = None
) -> Callable[[], Coroutine[None, None, int]]:
    async def run() -> int:
        log.append("start")
        try:
            await gate.wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        log.append("end")
        if failure is not None:
            raise failure
        return len(log)

    return run


def test_one_run_for_all() -> None:
    async def main() -> None:
        shared: SharedWork[str, int] = SharedWork()
        log: list[str] = []
        gate = asyncio.Event()
        waiting = [asyncio.create_task(shared.run("key", work(log, gate))) for _ in range(3)]
        other = asyncio.create_task(shared.run("other", work([], gate)))
        await asyncio.sleep(0)
        gate.set()
        assert await asyncio.gather(*waiting) == [2, 2, 2]
        assert await other == 2
        assert log == ["start", "end"]

    asyncio.run(main())


def test_all_get_the_error_and_the_next_tries_again() -> None:
    async def main() -> None:
        shared: SharedWork[str, int] = SharedWork()
        gate = asyncio.Event()
        gate.set()
        failing = [shared.run("key", work([], gate, ValueError("no"))) for _ in range(2)]
        for outcome in await asyncio.gather(*failing, return_exceptions=True):
            assert isinstance(outcome, ValueError)
        assert await shared.run("key", work([], gate)) == 2

    asyncio.run(main())


def test_it_ends_when_the_last_one_leaves() -> None:
    async def main() -> None:
        shared: SharedWork[str, int] = SharedWork()
        log: list[str] = []
        first, second = (asyncio.create_task(shared.run("key", work(log, asyncio.Event()))) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        assert log == ["start"]
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate = asyncio.Event()
        gate.set()
        fresh: list[str] = []
        assert await shared.run("key", work(fresh, gate)) == 2
        assert log == ["start", "cancelled"]

    asyncio.run(main())


def test_close_ends_all() -> None:
    async def main() -> None:
        shared: SharedWork[str, int] = SharedWork()
        log: list[str] = []
        waiting = asyncio.create_task(shared.run("key", work(log, asyncio.Event())))
        await asyncio.sleep(0.01)
        await shared.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert log == ["start", "cancelled"]

    asyncio.run(main())


def test_work_that_is_being_undone_is_left_to_it() -> None:
    undone: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            undone.append(True)

    async def scenario() -> None:
        shared: SharedWork[str, None] = SharedWork()
        caller = asyncio.create_task(shared.run("key", work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await asyncio.sleep(0)
        await shared.close()
        assert undone == [True]

    asyncio.run(scenario())
