"""What the bridge keeps over restarts, and beside others on the machine."""

import asyncio

import pytest

from sandbox.errors import SandboxError
from sandbox.network.names import host_interface
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    Host,
    addresses_of,
    attach,
    bridge_of,
    links,
    ports,
    run,
    until,
)


def test_a_removed_bridge_is_made_again_with_the_pods_it_had(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        before, after = host.pods(2)
        address = await attach(network, before)
        name = bridge_of(network)
        run("ip", "link", "del", name)
        await attach(network, after)
        assert set(ports().values()) == {name}
        assert after.reaches(before, address)
        await network.close()

    host.run_test(test)


def test_what_is_removed_comes_back_though_no_pod_comes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a firewall's service, which begins anew by removing all rules."""
    require_tool("nft")
    monkeypatch.setattr("sandbox.network.bridge._RETRY_SECONDS", 0.05)

    async def test() -> None:
        network = host.network()
        await network.open()
        one, other = host.pods(2)
        await attach(network, one)
        address = await attach(network, other)
        name, made = bridge_of(network), run("nft", "list", "ruleset")
        run("nft", "flush", "ruleset")
        await until(lambda: run("nft", "list", "ruleset") == made)
        run("ip", "link", "del", name)
        await until(lambda: set(ports().values()) == {name})
        assert one.reaches(other, address)
        await network.close()

    host.run_test(test)


def test_a_removed_masquerade_is_made_again(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network()
        await network.open()
        made = run("nft", "list", "ruleset")
        run("nft", "flush", "ruleset")
        await attach(network, host.pod())
        assert run("nft", "list", "ruleset") == made
        assert "masquerade" in made
        await network.close()

    host.run_test(test)


def test_servers_side_by_side_have_ranges_and_bridges_of_their_own(host: Host) -> None:
    async def test() -> None:
        run("ip", "link", "add", "other", "type", "bridge")
        run("ip", "addr", "add", "10.88.0.9/24", "dev", "other")
        servers = [host.network(name) for name in ("a", "b", "c")]
        await asyncio.gather(*(server.open() for server in servers))
        given = sorted([await attach(server, host.pod()) for server in servers])
        assert given == ["10.88.1.2", "10.88.2.2", "10.88.3.2"]
        for server in servers:
            await server.close()

    host.run_test(test)


def test_a_chosen_range_is_kept_over_restarts(host: Host) -> None:
    async def test() -> None:
        run("ip", "route", "add", "blackhole", "10.88.0.0/23")
        first = host.network()
        await first.open()
        assert await attach(first, host.pod()) == "10.88.2.2"
        await first.teardown()
        await first.close()
        run("ip", "route", "del", "blackhole", "10.88.0.0/23")
        second = host.network()
        await second.open()
        assert (await attach(second, host.pod())).startswith("10.88.2.")
        await second.close()

    host.run_test(test)


def test_a_range_that_somebody_took_while_it_was_unused_is_chosen_anew(host: Host) -> None:
    async def test() -> None:
        first = host.network()
        await first.open()
        await first.teardown()
        await first.close()
        run("ip", "route", "add", "blackhole", "10.88.0.0/24")
        second = host.network()
        await second.open()
        assert await attach(second, host.pod()) == "10.88.1.2"
        await second.close()

    host.run_test(test)


def test_a_bridge_name_is_one_running_servers(host: Host) -> None:
    async def test() -> None:
        first, second = (host.network(name, bridge="wlshared") for name in ("a", "b"))
        await first.open()
        await second.open()
        assert first.condition() == (True, "BridgeReady", "")
        ready, reason, message = second.condition()
        assert (ready, reason) == (False, "BridgeNotReady")
        assert "bridge wlshared belongs to another running server" in message
        with pytest.raises(SandboxError, match="belongs to another running server"):
            await second.teardown()
        assert first.condition()[0]
        assert "wlshared" in links()
        await first.close()
        assert await attach(second, host.pod())
        await second.close()

    host.run_test(test)


def test_pods_keep_their_addresses_over_a_restart(host: Host) -> None:
    async def test() -> None:
        first = host.network(subnet="10.77.0.0/29")
        await first.open()
        kept, dead = host.pods(2)
        kept_attachment = await first.attach(kept.sandbox_id, kept.netns_path)
        await attach(first, dead)
        await first.close()

        second = host.network(subnet="10.77.0.0/29")
        second.restore(kept.sandbox_id, kept_attachment.state)
        await second.open()
        await second.sweep({kept.sandbox_id})
        assert list(ports()) == [host_interface(kept.sandbox_id)]
        others = [await attach(second, pod) for pod in host.pods(4)]
        assert sorted([*others, *kept_attachment.ips]) == [f"10.77.0.{number}" for number in range(2, 7)]
        await second.close()

    host.run_test(test)


def test_sweep_leaves_pods_of_other_servers_and_new_ones_alone(host: Host) -> None:
    async def test() -> None:
        mine, others = host.network("a"), host.network("b")
        await mine.open()
        await others.open()
        await attach(mine, host.pod())
        await attach(others, host.pod())
        await mine.sweep(set())
        assert len(ports()) == 2
        await mine.close()
        await others.close()

    host.run_test(test)


def test_a_range_of_restored_pods_is_served_on_a_bridge_made_anew(host: Host) -> None:
    async def test() -> None:
        first = host.network(subnet="10.77.0.0/24")
        await first.open()
        pod = host.pod()
        attachment = await first.attach(pod.sandbox_id, pod.netns_path)
        name = bridge_of(first)
        await first.close()
        run("ip", "link", "del", name)

        second = host.network(subnet="10.78.0.0/24")
        await second.open()
        second.restore(pod.sandbox_id, attachment.state)
        await second.sweep({pod.sandbox_id})
        assert addresses_of(name) == {"10.77.0.1/24", "10.78.0.1/24"}
        assert (
            pod.python("import socket; print(socket.create_server(('10.77.0.2', 0)).getsockname()[0])") == "10.77.0.2"
        )
        other = host.pod()
        await attach(second, other)
        assert other.reaches(pod, "10.77.0.2")
        await second.close()

    host.run_test(test)


def test_a_torn_record_is_set_aside(host: Host) -> None:
    async def test() -> None:
        first = host.network()
        await first.open()
        await first.close()
        record = host.folder / "server" / "root" / "network.record"
        record.write_bytes(record.read_bytes()[:-3])
        second = host.network()
        await second.open()
        assert await attach(second, host.pod())
        assert list((host.folder / "server" / "root" / "set-aside").iterdir())
        await second.close()

    host.run_test(test)


def test_nothing_stays_after_teardown(host: Host) -> None:
    async def test() -> None:
        before = set(links())
        network = host.network()
        await network.open()
        await attach(network, host.pod())
        await network.teardown()
        await network.teardown()
        assert set(links()) == before
        assert not network.condition()[0]
        await network.close()

    host.run_test(test)
