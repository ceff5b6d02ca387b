import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.network.cni.invocation import Invocation
from sandbox.network.cni.plugin_process import Plugins
from sandbox.network.cni.results import PluginFailed
from tests.real_node import eventually
from tests.sandbox.network.cni.conftest import Installation, pass_time
from tests.sandbox.network.conftest import until
from tests.sandbox.one_pod import descriptors


def call(verb: str = "ADD") -> Invocation:
    return Invocation("own", "pods", verb, {"CNI_COMMAND": verb, "CNI_IFNAME": "eth0"}, b'{"name": "pods"}')


def run(cni: Installation, seconds: float = 60, *folders: Path) -> bytes:
    return asyncio.run(Plugins((*folders, cni.bin_dir), seconds).run(call()))


def test_a_plugin_is_told_and_answers(cni: Installation) -> None:
    cni.program(ADD="echo answer")
    assert run(cni, 60, cni.folder / "missing") == b"answer\n"
    assert cni.input("ADD") == {"name": "pods"}
    assert cni.environment("ADD") == {
        "CNI_COMMAND": "ADD",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": f"{cni.folder}/missing:{cni.bin_dir}",
    }


def test_the_first_folder_that_has_the_program_counts(cni: Installation) -> None:
    cni.program(ADD="echo last")
    first = cni.folder / "first"
    first.mkdir()
    (first / "own").write_text("no program")
    assert run(cni, 60, first) == b"last\n"
    (first / "own").write_text("#!/bin/sh\necho first")
    (first / "own").chmod(0o755)
    assert run(cni, 60, first) == b"first\n"


def test_a_failure_is_told_whole(cni: Installation) -> None:
    cni.program(ADD="""echo '{"code": 7, "msg": "wrong", "details": "mtu"}'; exit 1""")
    with pytest.raises(PluginFailed, match=r"ADD by plugin own of CNI network pods failed: wrong; mtu \(code 7\)"):
        run(cni)
    cni.answer("ADD", "echo ouch >&2; exit 3")
    with pytest.raises(PluginFailed, match="failed: ouch"):
        run(cni)


def test_a_program_that_is_missing_or_none_is_told(cni: Installation) -> None:
    with pytest.raises(PluginFailed, match=rf"cannot be run: {cni.bin_dir} has no such program; install it there"):
        run(cni)
    (cni.bin_dir / "own").write_bytes(b"\x7fELF")
    (cni.bin_dir / "own").chmod(0o755)
    with pytest.raises(PluginFailed, match="Exec format error; install it anew"):
        run(cni)


def test_a_program_that_is_being_installed_is_waited_for(cni: Installation) -> None:
    async def test() -> None:
        program = cni.bin_dir / "own"
        program.write_bytes(Path("/bin/true").read_bytes())
        program.chmod(0o755)
        with program.open("ab"):
            running = asyncio.create_task(Plugins((cni.bin_dir,), 60).run(call()))
            await asyncio.sleep(0.1)
            assert not running.done()
        assert await running == b""

    asyncio.run(test())


def test_a_plugin_that_hangs_is_killed_with_its_children(cni: Installation) -> None:
    cni.program(ADD=f"sleep 1000 & echo $! > {cni.folder}/child; wait")
    hang(cni)


def test_a_child_that_keeps_the_pipes_of_an_ended_plugin_is_killed(cni: Installation) -> None:
    cni.program(ADD=f"echo $$ > {cni.folder}/parent; sleep 1000 & echo $! > {cni.folder}/child")
    hang(cni, lambda: gone(cni.folder / "parent"))


def hang(cni: Installation, comes_to: Callable[[], bool] = lambda: True) -> None:
    """Until its time has passed, when it has come to that; nothing of it is left then."""

    async def test() -> None:
        before = descriptors(os.getpid()).items()
        running = asyncio.create_task(Plugins((cni.bin_dir,), 600).run(call()))
        await until(lambda: written(cni.folder / "child") and comes_to())
        pass_time(600)
        with pytest.raises(PluginFailed, match=r"did not end within 600 s and was killed"):
            await running
        assert descriptors(os.getpid()).items() <= before

    asyncio.run(test())
    eventually(lambda: gone(cni.folder / "child"))


def test_a_plugin_is_killed_when_nobody_wants_it_any_more(cni: Installation) -> None:
    cni.program(ADD=f"echo $$ > {cni.folder}/child; sleep 1000")

    async def test() -> None:
        running = asyncio.create_task(Plugins((cni.bin_dir,), 60).run(call()))
        await until(lambda: written(cni.folder / "child"))
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    asyncio.run(test())
    eventually(lambda: gone(cni.folder / "child"))


def written(file: Path) -> bool:
    return file.exists() and file.read_text().endswith("\n")


def gone(file: Path) -> bool:
    """A zombie that its new parent has not looked at yet is, too."""
    pid = int(file.read_text())
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True
