"""What is executed runs once, or not at all and says why, whatever dies or is short on the way. Nothing of it stays."""

import asyncio
import errno
import os
import resource
import select
import signal
import time
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from sandbox import guest_fork, stream_ends
from sandbox.errors import SandboxError, StartFailure
from sandbox.event_loop import EventLoop
from sandbox.pod_process_link import PodProcess
from sandbox.rehearsal import guest_of_nothing
from sandbox.specs import GuestSpec
from sandbox.streamed_guest import ExecutedGuest
from sandbox.surroundings import Surroundings
from tests.orphans import children_of
from tests.pod_guests import guests_of, spares_of
from tests.sandbox.conftest import Node
from tests.sandbox.one_pod import at_rest, connections, descriptors, in_container, until
from tests.sandbox.test_exec import ended, execute, guest_spec, read
from tests.sandbox.test_spare_guest import once, spare

MOST_TAKEN = 16
"""More descriptors than a pod process ever needs for an exec."""


async def ordered(
    process: PodProcess, container: GuestSpec, waiting: int, *words: str
) -> "asyncio.Task[ExecutedGuest]":
    """Executed by a spare process that has its order, and cannot read it before it is continued."""
    os.kill(waiting, signal.SIGSTOP)
    await until(lambda: "\nState:\tT" in Path(f"/proc/{waiting}/status").read_text())
    before = connections(process.pid)
    executing = asyncio.create_task(execute(process, container, *words))
    await until(lambda: connections(process.pid) < before)
    return executing


async def rested(process: PodProcess) -> dict[int, str]:
    """What a pod process has open once of all guests only the container's own is left."""
    await until(lambda: len(guests_of(process.pid)) == 1)
    await at_rest(process)
    return descriptors(process.pid)


async def nothing_left(process: PodProcess, before: dict[int, str]) -> None:
    await until(lambda: len(descriptors(process.pid)) == len(before))
    await until(lambda: len(guests_of(process.pid)) == 1)


def test_a_spare_process_that_dies_with_its_order_is_missed_by_nobody(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        spec = container._replace(env=["COLOUR=blue"])
        await ended(await execute(process, spec, "arguments", "one"))
        waiting = await spare(process)
        before = await rested(process)
        for _ in range(2):
            executing = await ordered(process, spec, waiting, "arguments", "two")
            os.kill(waiting, signal.SIGKILL)
            assert await ended(await executing) == (0, b"arguments\ntwo\nCOLOUR=blue\n", b"")
            waiting = await spare(process)
        await nothing_left(process, before)

    in_container(node, "sleeper", scenario)


def test_one_that_is_ended_meanwhile_is_not_begun_anew(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        waiting = await once(process, container, "sleeper")
        executing = await ordered(process, container, waiting, "sleeper")
        executing.cancel()
        await until(lambda: not Path(f"/proc/{waiting}").exists())
        assert len(guests_of(process.pid)) == 1
        assert not spares_of(process.pid)
        assert process.streams.executed == 0

    in_container(node, "sleeper", scenario)


def test_what_has_begun_is_not_begun_anew(node: Node) -> None:
    """A start section is the guest's code already."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "reads_at_start")
        assert await ended(guest) == (0, b"begun\n", b"")
        waiting = await spare(process)
        streams = stream_ends.of_process(True, True, True, False)
        shown = os.dup(streams.ends.stdout)
        executing = asyncio.create_task(process.streams.execute(guest_spec(container, "reads_at_start"), streams))
        await until(lambda: select.select([shown], [], [], 0)[0] != [])
        os.kill(waiting, signal.SIGKILL)
        with pytest.raises(StartFailure, match="status -9 before its first instruction"):
            await executing
        assert await read(shown) == b"begun\n"

    in_container(node, "sleeper", scenario)


def test_without_descriptors_at_any_step(node: Node) -> None:
    """With a spare process to take, and without."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        await once(process, container, "hello")
        before = await rested(process)
        _, hard = limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        complaints, ran = set(), 0
        for room in range(MOST_TAKEN):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (max(before) + 1 + room, hard))
            try:
                code, output, _ = await ended(await execute(process, container, "hello", tty=room % 2 == 0))
            except SandboxError as error:
                complaints.add(str(error))
            else:
                assert (code, output[:5]) == (0, b"hello")
                ran += 1
            await until(lambda: len(guests_of(process.pid)) == 1)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        assert ran > 1
        assert [text for text in complaints if "oo many open files" not in text] == []
        await once(process, container, "hello")
        await until(lambda: len(descriptors(process.pid)) == len(before))

    in_container(node, "sleeper", scenario)


def test_a_spare_process_makes_room_where_processes_are_limited(node: Node) -> None:
    """It is of another program. What is over the limit without it says so."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        limit = limit_of_processes(node, container)
        await once(process, container, "both_streams")
        before = await rested(process)
        limit.write_text(str(tasks(process.pid) + 1))  # a guest has two threads
        assert await ended(await execute(process, container, "exit3")) == (3, b"failing\n", b"")
        limit.write_text("max")
        await once(process, container, "exit3")  # there was room to leave a spare process only if the guest was gone
        await nothing_left(process, {**before, -1: "the code of the second program"})
        limit.write_text("1")
        with pytest.raises(SandboxError, match="no process can be made; raise pids limits"):
            await execute(process, container, "hello")
        assert not spares_of(process.pid)

    in_container(node, "sleeper", scenario)


def tasks(pid: int) -> int:
    """Of a pod process and of all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(len(os.listdir(f"/proc/{each}/task")) for each in (str(pid), *below))


def limit_of_processes(node: Node, container: GuestSpec) -> Path:
    """Of its pod."""
    mount = node.layout.mounts[0] if node.layout.unified else node.layout.controllers["pids"]
    return Path(mount + container.pod_cgroup) / "pids.max"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_a_process_that_cannot_be_watched_is_none(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(pid: int) -> NoReturn:
        raise OSError(number, os.strerror(number))

    def become(questions: int) -> NoReturn:
        time.sleep(60)
        os._exit(0)

    score = os.memfd_create("score")
    pod = Surroundings(EventLoop(), cast(Any, None), score, list)
    before, children = descriptors(os.getpid()).items(), set(children_of(os.getpid()))
    monkeypatch.setattr(os, "pidfd_open", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        guest_fork.fork_guest(pod, guest_of_nothing()._replace(asks_host=True), become)
    assert descriptors(os.getpid()).items() <= before
    assert set(children_of(os.getpid())) <= children
    pod.loop.close()
    os.close(score)
