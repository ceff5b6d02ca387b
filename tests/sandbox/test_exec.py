"""Guests that a pod process executes beside a container's own, for real."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from sandbox import stream_ends
from sandbox.errors import GuestGone, NotSupported, PodProcessGone, StartFailure
from sandbox.pod_process_link import PodProcess
from sandbox.specs import GuestSpec, ProgramSpec
from sandbox.streamed_guest import ExecutedGuest
from tests.guests.compiled import compiled_guest, compiled_shim
from tests.pod_guests import guests_of, spares_of
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import at_rest, descriptors, in_container, until


async def execute(
    process: PodProcess, container: GuestSpec, guest: str, *arguments: str, stdin: bool = False, tty: bool = False
) -> ExecutedGuest:
    spec = guest_spec(container, guest, *arguments)._replace(tty=tty)
    return await process.streams.execute(spec, stream_ends.of_process(stdin, True, not tty, tty))


def guest_spec(container: GuestSpec, guest: str, *arguments: str) -> GuestSpec:
    """Of what is executed in it."""
    return container._replace(argv=[guest, *arguments], program=ProgramSpec(*_program(guest)))


async def read(descriptor: int) -> bytes:
    """To the end."""
    os.set_blocking(descriptor, True)
    data = b""
    with contextlib.suppress(OSError):  # a terminal's end is an error
        while piece := await asyncio.to_thread(os.read, descriptor, 65536):
            data += piece
    os.close(descriptor)
    return data


async def ended(guest: ExecutedGuest) -> tuple[int, bytes, bytes]:
    reading = [asyncio.create_task(read(end)) for end in guest.ends[1:] if end >= 0]
    code = await guest.wait()
    outputs = [await each for each in reading]
    await guest.end()
    return code, outputs[0], b"".join(outputs[1:])


def test_its_output_is_the_clients_alone(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        assert await ended(await execute(process, container, "both_streams")) == (0, b"out\n", b"err\n")
        assert log_lines(container) in ([], [("stdout", "F", "ready")])  # the container's own

    in_container(node, "sleeper", scenario)


def test_the_same_program_again_and_another(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        codes = [(await ended(await execute(process, container, name)))[0] for name in ("exit3", "hello", "exit3")]
        assert codes == [3, 0, 3]
        assert process.streams.executed == 0

    in_container(node, "sleeper", scenario)


def test_many_at_once(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        async def one() -> tuple[int, bytes, bytes]:
            return await ended(await execute(process, container, "hello"))

        outcomes = await asyncio.gather(*(one() for _ in range(50)))
        assert {code for code, _, _ in outcomes} == {0}
        assert len({output for _, output, _ in outcomes}) == 1
        await until(lambda: len(guests_of(process.pid)) == 1)

    in_container(node, "sleeper", scenario)


def test_a_trap_is_told_on_standard_error(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        code, _, stderr = await ended(await execute(process, container, "trap"))
        assert code == 134
        assert b"unreachable" in stderr

    in_container(node, "sleeper", scenario)


def test_one_that_cannot_be_started(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        with pytest.raises(StartFailure, match="trap_at_start cannot be executed in container .*unreachable"):
            await execute(process, container, "trap_at_start")
        assert process.streams.executed == 0

    in_container(node, "sleeper", scenario)


CHANGES = {"uid": 1001, "gid": 7, "groups": [7], "oom_score_adj": 321}


def check_place(own_pid: int, executed_pid: int) -> None:
    """That it is where the container's own guest is, which has the changes above."""
    own, executed = Path(f"/proc/{own_pid}"), Path(f"/proc/{executed_pid}")
    assert (executed / "cgroup").read_text() == (own / "cgroup").read_text()
    assert os.readlink(executed / "ns/mnt") == os.readlink(own / "ns/mnt")
    assert os.stat(executed / "root").st_ino == os.stat(own / "root").st_ino
    status = (executed / "status").read_text()
    assert "Uid:\t1001\t1001\t1001\t1001\n" in status
    assert "Groups:\t7 \n" in status
    assert "CapPrm:\t0000000000000000\n" in status
    assert "Seccomp_filters:\t2\n" in status
    assert (executed / "oom_score_adj").read_text() == "321\n"


def test_it_has_the_containers_group_and_user(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper")
        check_place(*guests_of(process.pid))
        await guest.end()

    in_container(node, "sleeper", scenario, **CHANGES)


def test_one_that_is_ended(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper")
        assert process.streams.executed == 1
        await guest.end()
        await guest.end()
        assert await guest.wait() == 128 + signal.SIGKILL
        await until(lambda: len(guests_of(process.pid)) == 1)

    in_container(node, "sleeper", scenario)


def test_the_containers_end_is_its_end(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        exits = Exits(process)
        guest = await execute(process, container, "sleeper")
        await process.signal(container.container_id, signal.SIGTERM)
        assert (await exits.next()).exit_code == 128 + signal.SIGTERM
        assert (await ended(guest))[0] == 128 + signal.SIGKILL
        with pytest.raises(GuestGone, match="is not running"):
            await execute(process, container, "hello")

    in_container(node, "sleeper", scenario)


def test_the_containers_end_is_that_of_one_that_has_not_started(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        exits = Exits(process)
        executing = asyncio.create_task(execute(process, container, "busy_at_start"))
        await until(lambda: len(guests_of(process.pid)) == 2)
        await process.signal(container.container_id, signal.SIGKILL)
        await exits.next()
        with pytest.raises(GuestGone, match="has ended meanwhile"):
            await executing
        assert process.streams.executed == 0

    in_container(node, "sleeper", scenario)


def test_the_servers_end_is_its_end(node: Node) -> None:
    """But not the container's."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        await execute(process, container, "sleeper")
        await execute(process, container, "busy")
        assert len(guests_of(process.pid)) == 3
        process.release()
        await until(lambda: len(guests_of(process.pid)) == 1)

    in_container(node, "sleeper", scenario)


def test_a_lost_connection_ends_it_and_is_told(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper")
        process._link._lose()
        with pytest.raises(PodProcessGone):
            await guest.wait()
        await guest.end()
        await until(lambda: len(guests_of(process.pid)) == 1)

    in_container(node, "sleeper", scenario)


def test_the_pods_death_is_told(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper")
        await process.shutdown()
        with pytest.raises(PodProcessGone):
            await guest.wait()

    in_container(node, "sleeper", scenario)


def test_a_pod_process_of_an_earlier_version(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        process.version = 2
        with pytest.raises(NotSupported, match="make the pod anew"):
            await execute(process, container, "hello")

    in_container(node, "sleeper", scenario)


def test_input_and_its_end(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "stdin_block", stdin=True)
        os.write(guest.ends.stdin, b"x")
        os.close(guest.ends.stdin)
        assert await ended(guest) == (0, b"xeof\n", b"")

    in_container(node, "sleeper", scenario)


def test_what_nobody_reads_is_no_hurry(node: Node) -> None:
    """It stands still, and can be ended."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "flood", "9999999")
        await asyncio.sleep(0.1)
        assert process.streams.executed == 1
        await guest.end()
        assert process.streams.executed == 0

    in_container(node, "sleeper", scenario)


def test_interrupted_at_its_terminal(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper", stdin=True, tty=True)
        guest.resize(100, 40)
        os.write(guest.ends.stdin, b"\x1a\x03")  # ^Z does nothing
        code, output, _ = await ended(guest)
        assert code == 128 + signal.SIGINT
        assert b"^C" in output

    in_container(node, "sleeper", scenario)


def test_nothing_of_it_stays_open(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        def open_files() -> int:
            return len(os.listdir(f"/proc/{process.pid}/fd"))

        await ended(await execute(process, container, "hello"))
        await until(lambda: (len(guests_of(process.pid)), len(spares_of(process.pid))) == (1, 1))
        await at_rest(process)
        before, ours = open_files(), descriptors(os.getpid()).items()
        for _ in range(3):
            await ended(await execute(process, container, "hello"))
            guest = await execute(process, container, "sleeper", tty=True)
            os.close(guest.ends.stdout)
            await guest.end()
        await until(lambda: open_files() <= before + 1)  # the code of the second program
        assert descriptors(os.getpid()).items() <= ours

    in_container(node, "sleeper", scenario)


def test_memory_limits_reach_it(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        guest = await execute(process, container, "sleeper")
        await process.limit_memory(container.container_id, 1 << 20)
        await guest.end()

    in_container(node, "sleeper", scenario)


def test_its_memory_is_the_containers(node: Node) -> None:
    """CRI: that it is killed for memory counts as the container's being out of memory."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        exits = Exits(process)
        code, _, _ = await ended(await execute(process, container, "toucher"))
        assert code == 128 + signal.SIGKILL
        await process.signal(container.container_id, signal.SIGKILL)
        run = await exits.next()
        assert (run.exit_code, run.reason) == (137, "OOMKilled")

    in_container(node, "sleeper", scenario, limits={"memory_limit": 32 << 20})


def test_the_shim_is_inherited_with_the_code(node: Node) -> None:
    """What a pod process loads by itself takes memory of its own."""

    async def scenario() -> None:
        async with node.processes() as processes:
            await processes.load_shim(compiled_shim(0))
            await processes.load(ProgramSpec(*_program("tool")))
            pod = node.pod_spec()
            process = await processes.run(pod)
            spec = node.guest_spec(pod, "sleeper")
            await process.start(spec.container_id, node.write(spec))
            before = code(process.pid)
            guest = await execute(process, spec._replace(socket_shim=compiled_shim(0)), "tool", "exit", "3")
            assert (await ended(guest))[0] == 3
            assert code(process.pid) == before

    asyncio.run(scenario())


def code(pid: int) -> list[str]:
    """Places of code in the memory of a process."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line.split()[0] for line in lines if " r-xp " in line]


def _program(guest: str) -> tuple[str, str, str]:
    kind, compiled = compiled_guest(guest)
    return kind, str(compiled), "_start"
