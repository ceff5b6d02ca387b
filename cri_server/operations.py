"""RPCs that change something run in tasks of their own: the client's deadline or death is not the end of the work.

run_to_the_end      stop, start, remove: the work goes on without the client
all_or_nothing      create: when the client goes away, everything is taken back, also an object that was just finished
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import grpc
import structlog

from cri_server.rpc_error import expected_code
from cri_server.runtime import Runtime

Request = TypeVar("Request")
Response = TypeVar("Response")
Handler = Callable[[Runtime, Request], Coroutine[Any, Any, Response]]

log = structlog.get_logger()


def run_to_the_end(handler: Handler[Request, Response]) -> Handler[Request, Response]:
    async def run(runtime: Runtime, request: Request) -> Response:
        task = start(runtime, handler(runtime, request))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    return run


def _log_failure(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is None:
        return
    if expected_code(error) in (None, grpc.StatusCode.INTERNAL):
        log.error("an operation failed after its client had gone", error=str(error), exc_info=error)
    else:
        log.warning("an operation was refused after its client had gone", error=str(error))


def all_or_nothing(
    handler: Handler[Request, Response], remove: Callable[[Runtime, Response], Awaitable[None]]
) -> Handler[Request, Response]:
    """``remove`` takes back what the response names."""

    async def run(runtime: Runtime, request: Request) -> Response:
        task = start(runtime, handler(runtime, request))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            start(runtime, _take_back(runtime, task, remove))
            raise

    return run


async def _take_back(
    runtime: Runtime, task: asyncio.Task[Response], remove: Callable[[Runtime, Response], Awaitable[None]]
) -> None:
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is None:
        await remove(runtime, task.result())


def start(runtime: Runtime, work: Coroutine[Any, Any, Response]) -> asyncio.Task[Response]:
    """A task that the server waits for before it ends, within reason."""
    task = asyncio.create_task(work)
    runtime.operations.add(task)
    task.add_done_callback(runtime.operations.discard)
    return task


async def settle(runtime: Runtime, seconds: float) -> None:
    """Let what is under way come to its end; what takes longer is left to the recovery of the next start."""
    if runtime.operations:
        _, unfinished = await asyncio.wait(list(runtime.operations), timeout=seconds)
        if unfinished:
            log.warning(
                "operations were still under way at the end: the next start completes or undoes them",
                count=len(unfinished),
            )
