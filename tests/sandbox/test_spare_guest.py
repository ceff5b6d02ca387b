"""The process that waits for what is executed next in a pod, for real; and how long it is kept."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox import spare_guest, stream_ends
from sandbox.event_loop import EventLoop
from sandbox.pod_process_link import PodProcess
from sandbox.rehearsal import guest_of_nothing
from sandbox.spare_guest import Spares
from sandbox.specs import GuestSpec, ProgramSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Loaded
from tests.guests.compiled import compiled_guest, compiled_shim
from tests.pod_guests import guests_of, spares_of
from tests.sandbox.conftest import Exits, Node
from tests.sandbox.one_pod import at_rest, descriptors, in_container, until
from tests.sandbox.process_memory import contents
from tests.sandbox.test_exec import CHANGES, check_place, ended, execute

MOST_OPEN = 6
"""Its streams and its report, the code, and where its order comes from."""
SECRET = "TOKEN=of-nobody-else"


async def spare(process: PodProcess) -> int:
    """The one that waits, once it has let go of what it was forked with, and the pod process of what it was given."""
    await until(lambda: [0 < _open_files(each) <= MOST_OPEN for each in spares_of(process.pid)] == [True])
    await at_rest(process)
    return spares_of(process.pid)[0]


def _open_files(pid: int) -> int:
    """None of one that has gone."""
    try:
        return len(descriptors(pid))
    except FileNotFoundError:
        return 0


def _is_gone(process: Path) -> bool:
    return not process.exists()


async def once(process: PodProcess, container: GuestSpec, guest: str) -> int:
    """Executed once, and the spare process that it left."""
    await (await execute(process, container, guest)).end()
    return await spare(process)


def test_what_is_executed_next_takes_it(node: Node) -> None:
    """And is what it would have been without."""

    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        waiting = await once(process, container, "sleeper")
        guest = await execute(process, container, "sleeper")
        [own] = set(guests_of(process.pid)) - {waiting}
        check_place(own, waiting)
        paths = [opened for number, opened in descriptors(waiting).items() if opened.startswith("/") and number > 0]
        assert paths == ["/root"]  # as it is seen from outside
        await guest.end()
        assert await guest.wait() == 128 + signal.SIGKILL

    in_container(node, "sleeper", scenario, **CHANGES)


def test_it_waits_outside_of_the_container_and_holds_nothing(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        waiting = Path(f"/proc/{await once(process, container, 'sleeper')}")
        assert (waiting / "cgroup").read_text() == Path(f"/proc/{process.pid}/cgroup").read_text()
        assert (waiting / "oom_score_adj").read_text() == "5\n"
        assert len(os.listdir(waiting / "task")) == 1
        opened = descriptors(int(waiting.name))
        assert {opened[number] for number in range(3)} == {"/dev/null"}
        code, orders = (opened[number] for number in sorted(opened)[4:])
        assert code == "/program"
        assert orders.startswith("socket:")

    in_container(node, "sleeper", scenario, oom_score_adj=5)


def test_each_has_its_own_arguments_and_environment(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        secret = container._replace(env=[SECRET])
        assert (await ended(await execute(process, secret, "arguments", "one")))[
            1
        ] == f"arguments\none\n{SECRET}\n".encode()
        waiting = await spare(process)
        value = SECRET.partition("=")[2].encode()
        assert not any(value in content for content in contents(waiting))
        plain = container._replace(env=["COLOUR=blue"], container_name="again")
        assert await ended(await execute(process, plain, "arguments", "two", "three")) == (
            0,
            b"arguments\ntwo\nthree\nCOLOUR=blue\n",
            b"",
        )
        assert await spare(process) != waiting

    in_container(node, "sleeper", scenario)


def test_with_a_shim_with_input_and_with_a_terminal(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        kind, compiled = compiled_guest("tool")
        program = ProgramSpec(kind, str(compiled), "_start")
        spec = container._replace(argv=["tool", "exit", "3"], program=program, socket_shim=compiled_shim(0))
        for _ in range(3):
            guest = await process.streams.execute(spec, stream_ends.of_process(False, True, True, False))
            assert (await ended(guest))[0] == 3
            await spare(process)
        await once(process, container, "stdin_block")
        guest = await execute(process, container, "stdin_block", stdin=True)
        os.write(guest.ends.stdin, b"x")
        os.close(guest.ends.stdin)
        assert await ended(guest) == (0, b"xeof\n", b"")
        await spare(process)
        guest = await execute(process, container, "stdin_block", stdin=True, tty=True)
        os.write(guest.ends.stdin, b"\x03")
        assert (await ended(guest))[0] == 128 + signal.SIGINT

    in_container(node, "sleeper", scenario)


def test_another_program_has_another_and_one_that_was_killed_is_missed_by_nobody(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        before = await once(process, container, "both_streams")
        assert (await ended(await execute(process, container, "exit3")))[0] == 3
        await until(lambda: before not in spares_of(process.pid))
        await spare(process)
        assert (await ended(await execute(process, container, "both_streams")))[1] == b"out\n"
        for _ in range(3):
            killed = Path(f"/proc/{await once(process, container, 'both_streams')}")
            os.kill(int(killed.name), signal.SIGKILL)
            await until(partial(_is_gone, killed))
            assert await ended(await execute(process, container, "both_streams")) == (0, b"out\n", b"err\n")

    in_container(node, "sleeper", scenario)


def test_the_containers_end_does_not_wait_for_it_and_it_goes_with_its_last_client(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        exits = Exits(process)
        await once(process, container, "both_streams")
        await process.signal(container.container_id, signal.SIGKILL)
        assert (await exits.next()).exit_code == 128 + signal.SIGKILL
        groups = [Path(mount + container.pod_cgroup) / container.container_id for mount in node.layout.mounts]
        assert not any(group.exists() for group in groups)
        process.release()
        await until(lambda: not spares_of(process.pid))

    in_container(node, "sleeper", scenario)


def test_a_container_with_little_memory_has_none(node: Node) -> None:
    async def scenario(process: PodProcess, container: GuestSpec) -> None:
        assert (await ended(await execute(process, container, "exit3")))[0] == 3
        assert (await ended(await execute(process, container, "exit3")))[0] == 3
        assert not spares_of(process.pid)

    in_container(node, "sleeper", scenario, limits={"memory_limit": 63 << 20})


class Spare:
    """In the place of a process."""

    def __init__(self, pod: Surroundings, spec: GuestSpec, loaded: Loaded, on_ended: Callable[..., None]) -> None:
        self.spec, self.killed, self.on_ended = spec, False, on_ended
        made.append(self)

    def fits(self, spec: GuestSpec) -> bool:
        return spec.program == self.spec.program

    def kill(self) -> None:
        self.killed = True


made: list[Spare] = []


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Callable[..., EventLoop]:
    """Keep one, with a loop of which the other guests do nothing."""
    made.clear()
    monkeypatch.setattr(spare_guest, "SpareGuest", Spare)
    loop = EventLoop()

    def keep(spares: Spares, **changes: Any) -> EventLoop:
        nothing = cast(Any, None)
        pod = Surroundings(loop, nothing, -1, list)
        spares.keep(pod, guest_of_nothing()._replace(**changes), nothing)
        return loop

    return keep


def test_one_that_nobody_takes_is_ended(kept: Callable[..., EventLoop], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_guest, "IDLE_SECONDS", 0.0)
    spares = Spares()
    kept(spares).run_once()
    assert [each.killed for each in made] == [True]
    kept(spares)
    assert [each.killed for each in made] == [True, False]


def test_one_for_all_that_is_alike_and_the_last_of_others(kept: Callable[..., EventLoop]) -> None:
    spares = Spares()
    for uid in (1, 2):
        kept(spares, uid=uid)
    assert [each.killed for each in made] == [False]
    kept(spares, program=ProgramSpec("module", "other", "_start"))
    assert [each.killed for each in made] == [True, False]
    made[0].on_ended(made[0])
    spares.end()
    assert [each.killed for each in made] == [True, True]
