import asyncio
import threading

import pytest

from sandbox.network.own_thread import in_own_thread


def test_it_returns_what_the_function_returns_from_another_thread() -> None:
    assert asyncio.run(in_own_thread(threading.get_ident)) != threading.get_ident()


def test_it_raises_what_the_function_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_own_thread(lambda: 1 // 0))


def test_a_cancelled_caller_lets_the_function_end() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        done.set()

    async def test() -> None:
        task = asyncio.create_task(in_own_thread(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        while any(thread.name == "network" for thread in threading.enumerate()):
            await asyncio.sleep(0.001)

    asyncio.run(test())
    assert done.is_set()
