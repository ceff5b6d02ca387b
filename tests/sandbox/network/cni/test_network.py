"""Pods on networks of CNI plugins, on a host of their own."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sandbox.errors import InvalidSpec, NotSupported, SandboxError
from sandbox.network.cni import network as cni_network
from sandbox.network.cni.network import CniNetwork
from sandbox.network.pod_annotations import IPS
from sandbox.network.provider import Dns, HostPort, PodRequest
from tests.sandbox.network.cni.conftest import ADDRESS, Installation, pass_time
from tests.sandbox.network.conftest import Host, Pod, links, run, until

PORTMAP = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
BANDWIDTH = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
WEB = (HostPort(8080, 80, "tcp", ""), HostPort(5353, 53, "udp", "127.0.0.1"))

WAIT = "while [ ! -e {} ]; do sleep 0.05; done"
"""Of a plugin, until that file is there."""

Test = Callable[[CniNetwork], Awaitable[None]]


def on_network(host: Host, cni: Installation, test: Test, seconds: float = 60) -> None:
    """Afterwards nothing of the test's pods is left, which it has to detach."""

    async def opened() -> None:
        network = cni.network(host, seconds)
        await network.open()
        try:
            await test(network)
        finally:
            await network.close()
        assert nothing_is_left(host)

    host.run_test(opened)


def nothing_is_left(host: Host) -> bool:
    held = list((host.folder / "state" / "netns").glob("*")) + list((host.folder / "root" / "cni").glob("*"))
    return not held and str(host.folder) not in Path("/proc/self/mounts").read_text()


def rules_of(pod: Pod) -> list[str]:
    return [line for line in run("iptables-save").splitlines() if pod.sandbox_id in line]


# ---- Debian's plugins -----------------------------------------------------------------------------------------------


def test_a_pod_has_the_addresses_and_routes_that_its_plugins_give(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("fd00:77::/64", "10.77.0.0/24"))

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        attachment = await network.attach(pod.sandbox_id, pod.netns_path)
        assert attachment.ips == ["10.77.0.2", "fd00:77::2"]
        assert pod.addresses() == ["10.77.0.2/24"]
        assert "UP" in pod.interface("lo")["flags"]
        (route,) = json.loads(pod.run("ip", "-j", "route", "show", "default"))
        assert (route["gateway"], route["dev"]) == ("10.77.0.1", "eth0")
        assert json.loads(json.dumps(attachment.state)) == attachment.state
        pod.end()
        await network.detach(pod.sandbox_id, attachment.state)
        assert cni.leased() == set()

    on_network(host, cni, test)


def test_host_ports_and_bandwidth_come_and_go_with_the_pod(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"), PORTMAP, BANDWIDTH)
    cni.use_real("portmap", "bandwidth")

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        annotations = {"kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "5M"}
        await network.attach(pod.sandbox_id, pod.netns_path, PodRequest("web", annotations=annotations, host_ports=WEB))
        rules = run("iptables-save", "-t", "nat")
        assert "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.77.0.2:80" in rules
        assert "-d 127.0.0.1/32 -p udp -m udp --dport 5353 -j DNAT --to-destination 10.77.0.2:53" in rules
        assert "rate 10Mbit" in qdiscs()
        assert "rate 5Mbit" in qdiscs()
        pod.end()
        await network.detach(pod.sandbox_id, {})
        assert rules_of(pod) == []
        assert "dport" not in run("iptables-save")
        assert "rate" not in qdiscs()

    on_network(host, cni, test)


def qdiscs() -> str:
    return run("tc", "qdisc")


def test_a_pod_has_the_address_that_it_asks_for(host: Host, cni: Installation) -> None:
    """Behind a plugin that sets up again what wasmlet has set up."""
    cni.describe({"type": "loopback"}, {**cni.bridge("10.77.0.0/24"), "capabilities": {"ips": True}})
    cni.use_real("loopback")

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        wanted = PodRequest("web", annotations={IPS: "10.77.0.77"})
        assert (await network.attach(pod.sandbox_id, pod.netns_path, wanted)).ips == ["10.77.0.77"]
        assert pod.addresses() == ["10.77.0.77/24"]
        await network.detach(pod.sandbox_id, {})
        assert cni.leased() == set()


def test_a_damaged_network_is_found_after_a_start(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"))

    async def test() -> None:
        former = cni.network(host)
        await former.open()
        whole, damaged = host.pods(2)
        for pod in (whole, damaged):
            await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        damaged.run("ip", "address", "flush", "dev", "eth0")
        network = cni.network(host)
        with capture_logs() as told:
            await network.open()
            await network.sweep({whole.sandbox_id, damaged.sandbox_id})
            await until(lambda: any("damaged" in entry["event"] for entry in told))
            await network.close()
        assert [entry["sandbox_id"] for entry in told if "damaged" in entry["event"]] == [damaged.sandbox_id]
        for pod in (whole, damaged):
            await network.detach(pod.sandbox_id, {})

    host.run_test(test)


def test_pods_reach_each_other(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"))

    async def test(network: CniNetwork) -> None:
        one, other = host.pods(2)
        await network.attach(one.sandbox_id, one.netns_path)
        attachment = await network.attach(other.sandbox_id, other.netns_path)
        assert one.reaches(other, attachment.ips[0])
        for pod in (one, other):
            await network.detach(pod.sandbox_id, {})

    on_network(host, cni, test)


def test_fifty_pods_at_a_time_neither_collide_nor_leak(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"))

    async def test(network: CniNetwork) -> None:
        pods = host.pods(50)
        attachments = await asyncio.gather(*(network.attach(pod.sandbox_id, pod.netns_path) for pod in pods))
        assert len({attachment.ips[0] for attachment in attachments}) == 50
        for pod in pods:
            pod.end()
        await asyncio.gather(*(network.detach(pod.sandbox_id, {}) for pod in pods))
        assert cni.leased() == set()
        assert [name for name in links() if name.startswith("veth")] == []

    on_network(host, cni, test)


def test_an_exhausted_range_is_told_and_pods_wait_for_a_free_address(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/30"))

    async def test(network: CniNetwork) -> None:
        first, second = host.pods(2)
        await network.attach(first.sandbox_id, first.netns_path)
        with pytest.raises(SandboxError, match=rf"sandbox {second.sandbox_id} cannot be attached .* no IP addresses"):
            await network.attach(second.sandbox_id, second.netns_path)
        await network.detach(first.sandbox_id, {})
        assert (await network.attach(second.sandbox_id, second.netns_path)).ips == ["10.77.0.2"]
        await network.detach(second.sandbox_id, {})

    on_network(host, cni, test)


def test_a_pod_is_detached_by_the_next_server_whatever_has_become_of_the_folder(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"), PORTMAP)
    cni.use_real("portmap")

    async def test() -> None:
        former = cni.network(host)
        await former.open()
        pod = host.pod()
        await former.attach(pod.sandbox_id, pod.netns_path, PodRequest(host_ports=WEB))
        await former.close()
        cni.describe({"type": "other"})
        network = cni.network(host)
        await network.open()
        network.restore(pod.sandbox_id, {})
        await network.sweep({pod.sandbox_id})
        assert cni.leased() == {"10.77.0.2"}
        pod.end()
        await network.detach(pod.sandbox_id, {})
        assert cni.leased() == set()
        assert rules_of(pod) == []
        await network.close()
        assert nothing_is_left(host)

    host.run_test(test)


def test_what_is_left_of_pods_that_are_no_more_is_removed_after_a_start(host: Host, cni: Installation) -> None:
    cni.describe(cni.bridge("10.77.0.0/24"))

    async def test() -> None:
        former = cni.network(host)
        await former.open()
        pod = host.pod()
        await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        network = cni.network(host)
        await network.open()
        await network.sweep(set())
        await until(lambda: nothing_is_left(host))
        assert cni.leased() == set()
        await network.close()

    host.run_test(test)


def test_plugins_that_hang_do_not_keep_the_next_server_from_serving(host: Host, cni: Installation) -> None:
    cni.describe(cni.program(DEL=WAIT.format(cni.folder / "mended")))

    async def test() -> None:
        former = cni.network(host)
        await former.open()
        pods = host.pods(3)
        for pod in pods:
            await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        network = cni.network(host)
        await network.open()
        for pod in pods:
            await network.detach(pod.sandbox_id, {})  # as recovery does, before anyone is served
        await network.sweep(set())
        await until(lambda: cni.calls().count("DEL") == 3)  # all at the same time
        (cni.folder / "mended").touch()
        await until(lambda: nothing_is_left(host))
        await network.close()

    host.run_test(test)


def test_what_a_killed_server_left_running_ends_before_its_work_is_undone(host: Host, cni: Installation) -> None:
    """CNI: one call at a time for a pod. An ADD that went on would hold an address for ever."""
    add = f"echo $$ > {cni.folder}/adding; while [ ! -e {cni.folder}/never ]; do sleep 0.1; done"
    delete = f"! grep -qs CNI_COMMAND=ADD /proc/$(cat {cni.folder}/adding)/environ || touch {cni.folder}/both"
    cni.describe(cni.program(ADD=add, DEL=delete))

    async def test() -> None:
        killed = cni.network(host)
        await killed.open()
        pod = host.pod()
        attaching = asyncio.create_task(killed.attach(pod.sandbox_id, pod.netns_path))
        await until((cni.folder / "adding").exists)
        network = cni.network(host)
        await network.open()
        await network.sweep(set())
        await until(lambda: nothing_is_left(host))
        await asyncio.gather(attaching, return_exceptions=True)
        await killed.close()
        await network.close()
        assert not (cni.folder / "both").exists()

    host.run_test(test)


# ---- plugins that misbehave -----------------------------------------------------------------------------------------


def test_a_failed_plugin_is_told_and_those_before_it_are_undone(host: Host, cni: Installation) -> None:
    failing = cni.program(ADD="""echo '{"code": 999, "msg": "not today", "details": "come back"}'; exit 1""")
    cni.describe(cni.bridge("10.77.0.0/24"), failing)

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        with pytest.raises(SandboxError, match=r"plugin own of CNI network pods failed: not today; come back \(code 9"):
            await network.attach(pod.sandbox_id, pod.netns_path)
        assert cni.calls() == ["ADD", "DEL"]
        assert cni.leased() == set()
        assert nothing_is_left(host)

    on_network(host, cni, test)


def test_a_missing_plugin_is_told_and_pods_go_on_once_it_is_there(host: Host, cni: Installation) -> None:
    cni.describe({"type": "own"})

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        with pytest.raises(SandboxError, match=f"{cni.bin_dir} has no such program; install it there"):
            await network.attach(pod.sandbox_id, pod.netns_path)
        cni.program()
        assert (await network.attach(pod.sandbox_id, pod.netns_path)).ips == ["10.5.0.9"]
        (cni.bin_dir / "own").unlink()
        with pytest.raises(SandboxError, match=r"cannot be taken off the network: DEL by .*; the next stop"):
            await network.detach(pod.sandbox_id, {})
        cni.program()
        await network.detach(pod.sandbox_id, {})
        await network.detach(pod.sandbox_id, {})

    on_network(host, cni, test)


def test_what_could_not_be_undone_is_tried_again(
    host: Host, cni: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cni_network, "_RETRY_SECONDS", 0.05)
    cni.describe(cni.program(ADD="exit 1", DEL="exit 1"))

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        with pytest.raises(SandboxError, match="ADD by plugin own"):
            await network.attach(pod.sandbox_id, pod.netns_path)
        assert not nothing_is_left(host)
        cni.answer("DEL", "exit 0")
        await until(lambda: nothing_is_left(host))

    on_network(host, cni, test)


def test_a_plugin_that_hangs_holds_up_its_own_pod_alone(host: Host, cni: Installation) -> None:
    hangs = f'[ "$CNI_CONTAINERID" != "$(cat {cni.folder}/hanging)" ] || sleep 1000'
    cni.describe(cni.program(ADD=f"{hangs}; echo '{ADDRESS}'"))

    async def test(network: CniNetwork) -> None:
        hanging, other = host.pods(2)
        (cni.folder / "hanging").write_text(hanging.sandbox_id)
        waiting = asyncio.create_task(network.attach(hanging.sandbox_id, hanging.netns_path))
        await network.attach(other.sandbox_id, other.netns_path)
        await network.detach(other.sandbox_id, {})
        await until(lambda: cni.calls().count("ADD") == 2)
        pass_time(60)
        with pytest.raises(SandboxError, match="did not end within 60 s and was killed"):
            await waiting

    on_network(host, cni, test, seconds=60)


def test_an_attachment_that_nobody_waits_for_is_undone(host: Host, cni: Installation) -> None:
    cni.describe(cni.program(ADD=f"touch {cni.folder}/begun; {WAIT.format(cni.folder / 'go')}; echo '{ADDRESS}'"))

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        attaching = asyncio.create_task(network.attach(pod.sandbox_id, pod.netns_path))
        await until((cni.folder / "begun").exists)
        attaching.cancel()
        (cni.folder / "go").touch()
        await asyncio.wait([attaching])
        assert attaching.cancelled()
        await network.detach(pod.sandbox_id, {})
        assert cni.calls() == ["ADD", "DEL"]

    on_network(host, cni, test)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("{}", "network pods gave the pod no address"),
        ("hello", "no JSON object"),
        ('{"ips": [1]}', "cannot be read"),
    ],
)
def test_an_answer_without_address_is_a_failure(host: Host, cni: Installation, answer: str, reason: str) -> None:
    cni.describe(cni.program(ADD=f"echo '{answer}'"))

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        with pytest.raises(SandboxError, match=reason):
            await network.attach(pod.sandbox_id, pod.netns_path)
        assert cni.calls() == ["ADD", "DEL"]

    on_network(host, cni, test)


def test_a_plugin_is_told_of_the_pod_and_at_its_end_what_it_answered(host: Host, cni: Installation) -> None:
    pod_annotations = "io.kubernetes.cri.pod-annotations"
    cni.describe(cni.program() | {"capabilities": {"portMappings": True, "dns": True, pod_annotations: True}})

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        dns = Dns(("10.96.0.10",), ("svc.example",), ("ndots:5",))
        request = PodRequest("web", "prod", "uid-1", {"team": "a"}, WEB[:1], dns)
        await network.attach(pod.sandbox_id, pod.netns_path, request)
        told = cni.environment("ADD")
        assert told["CNI_CONTAINERID"] == pod.sandbox_id
        assert "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web" in told["CNI_ARGS"]
        told_by_capability = {
            "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
            "dns": {"servers": ["10.96.0.10"], "searches": ["svc.example"], "options": ["ndots:5"]},
            pod_annotations: {"team": "a"},
        }
        assert cni.input("ADD")["runtimeConfig"] == told_by_capability
        pod.end()
        assert Path(told["CNI_NETNS"]).exists()
        await network.detach(pod.sandbox_id, {})
        assert cni.environment("DEL") == {**told, "CNI_COMMAND": "DEL"}
        assert cni.input("DEL")["prevResult"] == json.loads(ADDRESS)
        assert cni.input("DEL")["runtimeConfig"] == told_by_capability

    on_network(host, cni, test)


def test_without_the_namespace_a_pod_is_detached_all_the_same(host: Host, cni: Installation) -> None:
    cni.describe(cni.program())

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        await network.attach(pod.sandbox_id, pod.netns_path)
        run("umount", cni.environment("ADD")["CNI_NETNS"])  # as a boot does
        await network.detach(pod.sandbox_id, {})
        assert cni.environment("DEL")["CNI_NETNS"] == ""

    on_network(host, cni, test)


def test_no_plugin_is_let_loose_on_the_hosts_network(host: Host, cni: Installation) -> None:
    cni.describe(cni.program())

    async def test(network: CniNetwork) -> None:
        with pytest.raises(SandboxError, match="is the network of the host"):
            await network.attach("a" * 64, "/proc/thread-self/ns/net")
        with pytest.raises(SandboxError, match="see that its process lives"):
            await network.attach("b" * 64, "/proc/0/ns/net")
        assert cni.calls() == []

    on_network(host, cni, test)


def test_what_cannot_be_granted_is_refused(host: Host, cni: Installation) -> None:
    cni.describe(cni.program())

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        with pytest.raises(NotSupported, match="asks for host ports, but no plugin"):
            await network.attach(pod.sandbox_id, pod.netns_path, PodRequest(host_ports=WEB))
        annotations = {"kubernetes.io/ingress-bandwidth": "much"}
        with pytest.raises(InvalidSpec, match="is no quantity"):
            await network.attach(pod.sandbox_id, pod.netns_path, PodRequest(annotations=annotations))
        assert cni.calls() == []

    on_network(host, cni, test)


# ---- the node -------------------------------------------------------------------------------------------------------


def test_the_network_is_ready_as_soon_as_it_is_installed_until_it_is_removed(host: Host, cni: Installation) -> None:
    async def test(network: CniNetwork) -> None:
        ready, reason, message = network.condition()
        assert (ready, reason) == (False, "NetworkPluginNotReady")
        assert f"no file of {cni.conf_dir}" in message
        pod = host.pod()
        with pytest.raises(SandboxError, match="gets no network: no file of"):
            await network.attach(pod.sandbox_id, pod.netns_path)
        cni.describe(cni.program())
        await until(lambda: network.condition()[0])
        cni.describe({"type": "first"}, file="05.conflist")
        (cni.conf_dir / "05.conflist").write_text("{")
        await until(lambda: "05.conflist is no JSON" in network.condition()[2])
        (cni.conf_dir / "05.conflist").unlink()
        await until(lambda: network.condition()[0])

    on_network(host, cni, test)


def test_a_pod_gets_the_network_that_the_folder_has_now(host: Host, cni: Installation) -> None:
    async def test(network: CniNetwork) -> None:
        cni.describe(cni.program())
        pod = host.pod()
        await network.attach(pod.sandbox_id, pod.netns_path)
        await network.detach(pod.sandbox_id, {})

    on_network(host, cni, test)


def test_a_plugin_may_say_that_it_is_not_ready(host: Host, cni: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cni_network, "_STATUS_SECONDS", 0.05)
    cni.describe(cni.program(STATUS="""echo '{"code": 50, "msg": "agent is down"}'; exit 1"""), version="1.1.0")

    async def test(network: CniNetwork) -> None:
        await until(lambda: not network.condition()[0])
        assert "STATUS by plugin own of CNI network pods failed: agent is down (code 50)" in network.condition()[2]
        cni.answer("STATUS", "exit 0")
        await until(lambda: network.condition() == (True, "NetworkPluginReady", ""))

    on_network(host, cni, test)


def test_what_a_plugin_of_a_former_network_says_does_not_count(
    host: Host, cni: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cni_network, "_STATUS_SECONDS", 0.05)
    says_no = f"{WAIT.format(cni.folder / 'go')}; exit 1"
    cni.describe(cni.program(STATUS=says_no), version="1.1.0")

    async def test(network: CniNetwork) -> None:
        await until(lambda: "STATUS" in cni.calls())
        cni.describe(cni.program("other"), version="1.0.0", file="05.conflist")
        await until(lambda: network._config is not None and network._config.plugins[0]["type"] == "other")
        (cni.folder / "go").touch()
        await asyncio.sleep(0.3)  # in which it would be taken for the new network's
        assert network.condition()[0]
        (cni.conf_dir / "05.conflist").unlink()
        await until(lambda: not network.condition()[0])
        cni.describe(cni.program("other"), version="1.0.0", file="05.conflist")
        await until(lambda: network.condition()[0])

    on_network(host, cni, test)


def test_garbage_is_collected_while_nobody_is_attached(host: Host, cni: Installation) -> None:
    cni.describe(
        cni.program(GC=WAIT.format(cni.folder / "go")),
        version="1.1.0",
    )

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        await network.sweep(set())
        await until(lambda: "GC" in cni.calls())
        attaching = asyncio.create_task(network.attach(pod.sandbox_id, pod.netns_path))
        await asyncio.wait([attaching], timeout=0.3)
        assert "ADD" not in cni.calls()
        (cni.folder / "go").touch()
        await attaching
        await network.detach(pod.sandbox_id, {})

    on_network(host, cni, test)


def test_no_plugin_is_run_twice_at_a_time_for_a_pod(host: Host, cni: Installation) -> None:
    cni.describe(cni.program(DEL=f"mkdir {cni.folder}/busy && sleep 0.3 && rmdir {cni.folder}/busy"))

    async def test(network: CniNetwork) -> None:
        pod = host.pod()
        await network.attach(pod.sandbox_id, pod.netns_path)
        await asyncio.gather(*(network.detach(pod.sandbox_id, {}) for _ in range(3)))
        assert cni.calls() == ["ADD", "DEL"]

    on_network(host, cni, test)


def test_after_a_start_garbage_is_collected_and_living_pods_are_checked(host: Host, cni: Installation) -> None:
    cni.describe(cni.program(), version="1.1.0")

    async def test() -> None:
        former = cni.network(host)
        await former.open()
        kept, lost = host.pods(2)
        for pod in (kept, lost):
            await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        network = cni.network(host)
        await network.open()
        await network.sweep({kept.sandbox_id})
        await until(lambda: "CHECK" in cni.calls())
        assert cni.environment("DEL")["CNI_CONTAINERID"] == lost.sandbox_id
        valid = [{"containerID": kept.sandbox_id, "ifname": "eth0"}]
        assert cni.input("GC")["cni.dev/valid-attachments"] == valid
        assert cni.input("GC")["cni.dev/attachments"] == valid
        assert cni.environment("CHECK")["CNI_CONTAINERID"] == kept.sandbox_id
        assert cni.input("CHECK")["prevResult"] == json.loads(ADDRESS)
        await network.detach(kept.sandbox_id, {})
        await network.close()

    host.run_test(test)


def test_the_pod_range_of_the_kubelet_is_left_to_the_plugins(host: Host, cni: Installation) -> None:
    cni.describe(cni.program())

    async def test(network: CniNetwork) -> None:
        await network.set_pod_cidr("10.1.0.0/24")
        assert network.condition()[0]
        assert cni.calls() == []

    on_network(host, cni, test)
