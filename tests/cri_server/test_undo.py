import asyncio

import pytest

from cri_server.undo import Undo


async def create(done: list[str], failing_step: str, error: type[BaseException]) -> None:
    async def take_back(step: str) -> None:
        await asyncio.sleep(0)
        done.append(f"not {step}")

    async with Undo() as undo:
        for step in ("one", "two", "three"):
            if step == failing_step:
                raise error(step)
            done.append(step)
            undo.add(take_back, step)


def test_a_failure_takes_back_what_was_done_newest_first() -> None:
    done: list[str] = []
    with pytest.raises(ValueError, match="three"):
        asyncio.run(create(done, "three", ValueError))
    assert done == ["one", "two", "not two", "not one"]


def test_success_takes_nothing_back() -> None:
    done: list[str] = []
    asyncio.run(create(done, "none", ValueError))
    assert done == ["one", "two", "three"]


def test_cancellation_takes_everything_back() -> None:
    done: list[str] = []

    async def abandoned() -> None:
        async with Undo() as undo:
            undo.add(done.append, "taken back")
            await asyncio.sleep(60)

    async def scenario() -> None:
        task = asyncio.create_task(abandoned())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert done == ["taken back"]


def test_a_step_that_cannot_be_undone_does_not_keep_the_others() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("busy")

    async def scenario() -> None:
        async with Undo() as undo:
            undo.add(lambda: done.append(f"first, complete: {undo.is_complete}"))
            undo.add(fail)
            undo.add(lambda: done.append(f"complete: {undo.is_complete}"))
            raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        asyncio.run(scenario())
    assert done == ["complete: True", "first, complete: False"]
