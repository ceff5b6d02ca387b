"""Changes by one process of iptables-restore, beside others who change the same tables."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.network.kept_restore import KeptRestore
from tests.orphans import children_of
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import Host, run, until

_LOCK = Path("/run/xtables.lock")
_PROGRAM = "iptables-legacy"
_LONG = 240.0


def restore(program: str = _PROGRAM) -> KeptRestore:
    return KeptRestore(str(shutil.which(f"{program}-restore")), _LONG)


def filled(*ports: int, chain: str = "WL-T", checked: str = "") -> str:
    rules = "".join(f"-A {chain} -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.0.0.2:80\n" for port in ports)
    return f"*nat\n{checked}:{chain} - [0:0]\n{rules}COMMIT\n"


def ports_of(chain: str = "WL-T", program: str = _PROGRAM) -> list[int]:
    listed = run(program, "-w", "-t", "nat", "-S", chain).splitlines()
    return [int(line.split("--dport ")[1].split()[0]) for line in listed if "--dport" in line]


def kept() -> list[int]:
    """Processes that this one keeps."""
    return [pid for pid in children_of(os.getpid()) if b"--verbose" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def locked() -> Iterator[None]:
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def on_a_host(host: Host, test: Callable[[], None], program: str = _PROGRAM) -> None:
    require_tool(program)

    async def run_it() -> None:
        test()

    host.run_test(run_it)


def test_one_process_does_many_changes_and_holds_no_lock_between_them(host: Host) -> None:
    def test() -> None:
        own = restore()
        for ports in ([80], [81, 82], [], list(range(1000, 2000))):
            assert own.has_done(filled(*ports))
            assert ports_of() == ports
            (process,) = kept()
            held = [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir()]
            assert str(_LOCK) not in held
        own.close()
        own.close()
        assert kept() == []

    on_a_host(host, test)


def test_what_others_change_in_between_stays_and_is_seen(host: Host) -> None:
    leads_there = "-C PREROUTING -j WL-T\n"

    def test() -> None:
        own = restore()
        assert own.has_done(filled(80))
        run(_PROGRAM, "-w", "-t", "nat", "-A", "PREROUTING", "-j", "WL-T")
        run(_PROGRAM, "-w", "-t", "nat", "-N", "OTHERS")
        run(_PROGRAM, "-w", "-t", "nat", "-A", "WL-T", "-j", "OTHERS")
        assert own.has_done(filled(81, checked=leads_there))
        assert ports_of() == [81]
        assert "-N OTHERS" in run(_PROGRAM, "-w", "-t", "nat", "-S")
        run(_PROGRAM, "-w", "-t", "nat", "-F")
        run(_PROGRAM, "-w", "-t", "nat", "-X")
        assert not own.has_done(filled(82, checked=leads_there))
        assert "WL-T" not in run(_PROGRAM, "-w", "-t", "nat", "-S")
        assert own.has_done(filled(83)), "a new one follows on one that could not"
        assert ports_of() == [83]
        own.close()

    on_a_host(host, test)


def test_others_who_change_the_table_at_the_same_time_lose_nothing(host: Host) -> None:
    def test() -> None:
        own, failures = restore(), []

        def others() -> None:
            for port in range(100, 150):
                rule = ["OTHERS", "-p", "tcp", "-m", "tcp", "--dport", str(port), "-j", "RETURN"]
                failures.append(subprocess.run([_PROGRAM, "-w", "-t", "nat", "-A", *rule], check=False).returncode)

        run(_PROGRAM, "-w", "-t", "nat", "-N", "OTHERS")
        changing = threading.Thread(target=others)
        changing.start()
        count = 0
        while changing.is_alive():
            count += 1
            assert own.has_done(filled(*range(1000, 1000 + count % 40)))
        changing.join()
        assert not any(failures)
        assert ports_of("OTHERS") == list(range(100, 150))
        assert ports_of() == list(range(1000, 1000 + count % 40))
        own.close()

    on_a_host(host, test)


def test_one_that_somebody_has_killed_is_replaced(host: Host) -> None:
    def test() -> None:
        own = restore()
        assert own.has_done(filled(80))
        (former,) = kept()
        os.kill(former, signal.SIGKILL)
        os.waitid(os.P_PID, former, os.WEXITED | os.WNOWAIT)
        assert own.has_done(filled(81))
        assert ports_of() == [81]
        own.close()

    on_a_host(host, test)


def test_it_waits_for_the_lock_but_not_for_ever(host: Host) -> None:
    require_tool(_PROGRAM)

    async def test() -> None:
        own, impatient = restore(), restore()
        done: list[bool] = []
        for each in (own, impatient):
            assert each.has_done(filled(80))
        assert impatient._running is not None
        impatient._running[1].settimeout(0.1)
        waiting = threading.Thread(target=lambda: done.append(own.has_done(filled(81))))
        with locked():
            many = filled(*range(1, 5000))  # more than the connection takes at once
            assert not impatient.has_done(many)
            waiting.start()
            (process,) = kept()
            await until(lambda: _waits_for_a_lock(process))
            assert not done
        waiting.join()
        assert done == [True]
        assert ports_of() == [81]
        own.close()
        assert kept() == []

    host.run_test(test)


def _waits_for_a_lock(process: int) -> bool:
    """Those who wait are marked by an arrow."""
    return any("->" in line and f" {process} " in line for line in Path("/proc/locks").read_text().splitlines())


def test_it_ends_with_the_process_that_keeps_it(host: Host) -> None:
    program = (
        "import os, sys; from sandbox.network.kept_restore import KeptRestore; own = KeptRestore(sys.argv[1], 240);"
        "print(own.has_done('*nat\\n:WL-T - [0:0]\\nCOMMIT\\n'), own._running[0].pid, flush=True);"
        "sys.stdin.read()"
    )

    def test() -> None:
        command = [sys.executable, "-c", program, str(shutil.which(f"{_PROGRAM}-restore"))]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdout
            done, process = keeper.stdout.readline().split()
            assert done == "True"
            handle = os.pidfd_open(int(process))
            keeper.kill()
        os.waitid(os.P_PIDFD, handle, os.WEXITED)  # it is this session's now
        os.close(handle)

    on_a_host(host, test)


def test_the_variant_for_nf_tables_is_not_kept(host: Host) -> None:
    def test() -> None:
        own = restore("iptables-nft")
        assert not own.has_done(filled(80))
        assert "WL-T" not in run("iptables-nft", "-w", "-t", "nat", "-S")
        assert kept() == []
        own.close()

    on_a_host(host, test, "iptables-nft")


def test_a_program_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    own = KeptRestore(str(tmp_path / "iptables-restore"), 1)
    assert not own.has_done(filled(80))
    own.close()
