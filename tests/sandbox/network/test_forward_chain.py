import json

import pytest

from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import WORLD, Host, Pod, attach, for_ipv6, run

SUBNET = "10.77.0.0/24,fd00:77::/64"
OTHERS = "-A FORWARD -i other0 -o other1 -j DROP"
REACHED = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), 60)
except ConnectionRefusedError:
    print("refused")
"""


def reaches(pod: Pod, address: str) -> bool:
    """Nobody listens there: who is there says so."""
    program = REACHED.replace("sys.argv[1]", json.dumps(address))
    return pod.python(program) == "refused"


@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_pods_are_heard_on_a_machine_that_drops_what_passes_through(host: Host, program: str) -> None:
    """As one does where Docker runs."""
    programs = (program, for_ipv6(program))
    for each in programs:
        require_tool(each)

    async def test() -> None:
        host.world()
        for each in programs:
            run(each, "-w", *OTHERS.split())
            run(each, "-w", "-P", "FORWARD", "DROP")
        before = [run(each, "-w", "-S") for each in programs]
        for _ in range(2):
            network = host.network(subnet=SUBNET)
            await network.open()
            one, other = host.pods(2)
            await attach(network, one)
            addresses = (await network.attach(other.sandbox_id, other.netns_path)).ips
            assert all(reaches(one, address) for address in (*addresses, WORLD))
            assert all(run(each, "-w", "-S").splitlines()[-3] == OTHERS for each in programs)
            await network.close()
        await network.teardown()
        assert [run(each, "-w", "-S") for each in programs] == before

    host.run_test(test)


def test_a_machine_that_lets_pass_what_passes_through_is_left_alone(host: Host) -> None:
    require_tool("iptables-nft")

    async def test() -> None:
        run("iptables-nft", "-w", *OTHERS.split())
        before = run("iptables-nft", "-w", "-S")
        network = host.network(subnet=SUBNET)
        await network.open()
        await attach(network, host.pod())
        assert run("iptables-nft", "-w", "-S") == before
        assert "table ip6 filter" not in run("nft", "list", "tables")
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("priority", [5, 0], ids=["beside its own chains", "in their place"])
def test_chains_that_iptables_cannot_read_are_left_alone(host: Host, priority: int) -> None:
    """As somebody makes them by nft in the table that is called as that of iptables."""
    require_tool("iptables-nft")

    async def test() -> None:
        host.world()
        for name in ("FORWARD", "mine"):
            hook = f"{{ type filter hook forward priority {priority}; policy accept; }}"
            run("nft", f"add table ip filter; add chain ip filter {name} {hook}")
        run("nft", "add rule ip filter FORWARD meta mark set ct mark map { 1 : 2 }")
        before = run("nft", "list", "table", "ip", "filter")
        network = host.network(subnet=SUBNET)
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        assert reaches(pod, WORLD)
        await network.close()
        await network.teardown()
        assert run("nft", "list", "table", "ip", "filter") == before

    host.run_test(test)
