import asyncio
import threading

import pytest

from cri_server.blocking import in_thread


def test_a_cancelled_caller_goes_on_only_when_the_thread_is_done() -> None:
    done: list[str] = []
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait()
        done.append("work")

    async def caller() -> None:
        try:
            await in_thread(work)
        finally:
            done.append("undo")

    async def scenario() -> None:
        task = asyncio.create_task(caller())
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert done == ["work", "undo"]


def test_results_and_errors_come_back() -> None:
    assert asyncio.run(in_thread(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divmod, 1, 0))


def test_much_slow_work_does_not_keep_other_work_waiting() -> None:
    """As many threads as meet here are at work at the same time."""
    meeting = threading.Barrier(40)

    async def scenario() -> None:
        await asyncio.gather(*(in_thread(meeting.wait, 240) for _ in range(40)))

    asyncio.run(scenario())
