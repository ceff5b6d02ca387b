"""How guests look names up: by what is in their container's /etc, whatever the node's is, under their filter."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from sandbox.specs import MountSpec
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.name_server import NameServer, serving

HOSTS = "127.0.0.1 localhost\n10.1.1.1 known.test known\nfd00::7 known\n"
RESOLV_CONF = "nameserver 127.0.0.1\nsearch one.test two.test\noptions ndots:2 timeout:30 attempts:1\n"
RECORDS = {"web.one.test": ["10.0.0.7", "fd00::1"], "a.b.two.test": ["10.0.0.8"], "far.off.test": ["192.0.2.1"]}


def found(
    node: Node, names: list[str], files: dict[str, str], truncates: bool = False, network: str = "full"
) -> tuple[list[str], NameServer]:
    """What a guest says of each name, and who was asked. ``files``: of its /etc."""
    mounts = [MountSpec(str(written(node, name, text)), f"/etc/{name}", True, False) for name, text in files.items()]

    async def scenario() -> tuple[list[str], NameServer]:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            await asyncio.to_thread(set_loopback_up, process.pid)
            exits = Exits(process)
            user = {"uid": 1000, "gid": 1000, "groups": [1000]}
            spec = node.guest_spec(
                pod, "network", "resolve", *names, mounts=mounts, network=network, opens_sockets=True, **user
            )
            with serving(f"/proc/{process.pid}/ns/net", RECORDS, truncates=truncates) as server:
                await process.start(spec.container_id, node.write(spec))
                assert (await exits.next()).exit_code == 0
            return [text for _, _, text in log_lines(spec)], server

    return asyncio.run(scenario())


def set_loopback_up(pid: int) -> None:
    """In the network namespace of that process."""
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "link", "set", "lo", "up"], check=True)


def written(node: Node, name: str, text: str) -> Path:
    path = node.folder / name
    path.write_text(text)
    return path


FILES = {"hosts": HOSTS, "resolv.conf": RESOLV_CONF}


@pytest.mark.parametrize("network", ["full", "outbound"])
def test_the_containers_files_say_how(node: Node, network: str) -> None:
    names = ["localhost", "known", "web", "a.b", "far.off.test", "nobody"]
    said, server = found(node, names, FILES, network=network)
    assert said == [
        "localhost: 127.0.0.1",
        "known: 10.1.1.1 fd00::7",
        "web: 10.0.0.7 fd00::1",
        "a.b: 10.0.0.8",
        "far.off.test: 192.0.2.1",
        "nobody: unknown",
    ]
    asked = list(dict.fromkeys(server.asked))
    searched = ["web.one.test", "a.b.one.test", "a.b.two.test", "far.off.test"]
    assert asked == [*searched, "nobody.one.test", "nobody.two.test", "nobody"]


def test_an_answer_that_does_not_fit_a_datagram_comes_by_tcp(node: Node) -> None:
    said, _ = found(node, ["web"], FILES, truncates=True)
    assert said == ["web: 10.0.0.7 fd00::1"]


def test_sources_that_an_image_names_are_not_loaded(node: Node) -> None:
    """Their code would be the image's own, or not there."""
    sources = "hosts: resolve [!UNAVAIL=return] mymachines\n"
    said, _ = found(node, ["known", "web"], {**FILES, "nsswitch.conf": sources})
    assert said == ["known: 10.1.1.1 fd00::7", "web: 10.0.0.7 fd00::1"]


def test_the_nodes_files_are_not_read(node: Node) -> None:
    """Without a file of its own a guest asks the resolver of its own network namespace, as any program."""
    of_node = Path("/etc/hosts").read_text().split()
    assert "localhost" in of_node
    said, server = found(node, ["localhost", "web.one.test"], {})
    assert said == ["localhost: unknown", "web.one.test: 10.0.0.7 fd00::1"]
    assert "localhost" in server.asked


def test_who_may_not_connect_looks_no_name_up(node: Node) -> None:
    for network in ("inbound", "none"):
        said, server = found(node, ["localhost", "web", "10.0.0.9"], FILES, network=network)
        assert said == ["localhost: unknown", "web: unknown", "10.0.0.9: 10.0.0.9"]
        assert server.asked == []
