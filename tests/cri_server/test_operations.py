"""What is told of operations whose clients have gone."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from cri_server import errors
from cri_server.operations import run_to_the_end
from sandbox.errors import SandboxError


async def _fail_without_client(error: Exception) -> None:
    begun, let_fail = asyncio.Event(), asyncio.Event()

    async def handler(runtime: Any, request: None) -> None:
        begun.set()
        await let_fail.wait()
        raise error

    runtime: Any = SimpleNamespace(operations=set())
    client = asyncio.create_task(run_to_the_end(handler)(runtime, None))
    await begun.wait()
    client.cancel()
    await asyncio.wait([client])
    let_fail.set()
    await asyncio.wait(list(runtime.operations))
    await asyncio.sleep(0)  # what is called once the work is done has been


def _told(error: Exception) -> dict[str, Any]:
    with capture_logs() as told:
        asyncio.run(_fail_without_client(error))
    [line] = told
    return dict(line)


@pytest.mark.parametrize("kind", [errors.UnknownObject, errors.WrongState, errors.InvalidRequest, errors.Ending])
def test_a_refusal_that_nobody_hears_is_no_error(kind: type[errors.ServerError]) -> None:
    told = _told(kind("container x is not there: list what is"))
    assert (told["log_level"], told["error"]) == ("warning", "container x is not there: list what is")


@pytest.mark.parametrize("kind", [ValueError, SandboxError, errors.StopFailed])
def test_a_failure_is_an_error_with_its_traceback(kind: type[Exception]) -> None:
    error = kind("something broke")
    told = _told(error)
    assert (told["log_level"], told["error"], told["exc_info"]) == ("error", "something broke", error)
