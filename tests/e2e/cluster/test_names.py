"""What pods are told of names, by their /etc/hosts and /etc/resolv.conf, and what guests find by them."""

from pathlib import Path
from typing import Any

from tests.e2e.cluster.cluster import RESOLV_CONF
from tests.e2e.cluster.cluster_dns import SERVICE_ADDRESS
from tests.e2e.cluster.kubectl import Object
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.web import service
from tests.e2e.cluster.workloads import pod
from tests.e2e.node_namespaces import ADDRESS

ABOUT_A_POD = f"nameserver {SERVICE_ADDRESS}\noptions ndots:5\n"


class Names:
    """A pod that shows its two files and looks names up, once.

    Its containers run in turn: for each that starts, the kubelet empties the pod's /etc/hosts and writes it anew.
    """

    def __init__(self, case: Case, *names: str, **spec: Any) -> None:
        looking = {"name": "looking", "image": case.cluster.node.image("network"), "args": ["resolve", *names]}
        hosts = case.cluster.node.tool("cat /etc/hosts", name="hosts")
        resolv_conf = case.cluster.node.tool("cat /etc/resolv.conf", name="resolv-conf")
        in_turn = {"initContainers": [looking, hosts], "restartPolicy": "Never"}
        case.kubectl.apply(pod("names", resolv_conf, **in_turn, **spec))
        case.kubectl.wait("pod/names", "jsonpath={.status.phase}=Succeeded")
        self.addresses: list[str] = [each["ip"] for each in case.kubectl.get("pod/names")["status"]["podIPs"]]
        self.resolv_conf = _with_options_in_order(case.kubectl("logs", "names", "--container=resolv-conf"))
        self.hosts = [line.split() for line in case.kubectl("logs", "names", "--container=hosts").splitlines()]
        lines = case.kubectl("logs", "names", "--container=looking").splitlines()
        self.found: dict[str, str] = dict(line.split(": ", 1) for line in lines)


def _with_options_in_order(resolv_conf: str) -> str:
    """The kubelet merges them in any."""
    lines = [line.split() for line in resolv_conf.splitlines()]
    ordered = [[first, *(sorted(rest) if first == "options" else rest)] for first, *rest in lines]
    return "".join(" ".join(line) + "\n" for line in ordered)


def searches(case: Case) -> str:
    return f"search {case.kubectl.namespace}.svc.cluster.local svc.cluster.local cluster.local node.example\n"


def name_in_cluster(case: Case, name: str) -> str:
    return f"{name}.{case.kubectl.namespace}.svc.cluster.local"


@together
def test_a_pod_asks_the_cluster_by_default(case: Case) -> None:
    whole = name_in_cluster(case, "api")
    partly = f"api.{case.kubectl.namespace}"
    case.cluster.names.update({whole: ["10.96.0.77"], "outside.example": ["203.0.113.5"]})
    seen = Names(case, "api", partly, whole, "outside.example", "unheard-of", "names", "localhost")
    assert seen.resolv_conf == searches(case) + ABOUT_A_POD
    assert seen.found == {
        "api": "10.96.0.77",
        partly: "10.96.0.77",
        whole: "10.96.0.77",
        "outside.example": "203.0.113.5",
        "unheard-of": "unknown",
        "names": " ".join(seen.addresses),
        "localhost": "127.0.0.1 ::1",
    }


@together
def test_a_pod_asks_whom_the_node_asks_where_it_says_so(case: Case) -> None:
    seen = Names(case, "names", dnsPolicy="Default")
    assert seen.resolv_conf == RESOLV_CONF
    assert seen.found == {"names": " ".join(seen.addresses)}


@together
def test_a_pod_asks_whom_it_wants_to_ask(case: Case) -> None:
    case.cluster.names["shop.of.example"] = ["203.0.113.6"]
    options = [{"name": "ndots", "value": "2"}, {"name": "use-vc"}]
    wanted = {"nameservers": [ADDRESS], "searches": ["of.example", "example"], "options": options}
    seen = Names(case, "shop", dnsPolicy="None", dnsConfig=wanted)
    assert seen.resolv_conf == f"search of.example example\nnameserver {ADDRESS}\noptions ndots:2 use-vc\n"
    assert seen.found == {"shop": "203.0.113.6"}


@together
def test_a_pod_adds_to_what_it_is_told(case: Case) -> None:
    added = {"searches": ["of.example"], "options": [{"name": "timeout", "value": "3"}]}
    seen = Names(case, "names", dnsConfig=added)
    assert seen.resolv_conf.splitlines()[0] == searches(case).strip() + " of.example"
    assert seen.resolv_conf.splitlines()[-1] == "options ndots:5 timeout:3"


@together
def test_a_pod_knows_the_aliases_of_hosts(case: Case) -> None:
    aliases = [{"ip": "203.0.113.7", "hostnames": ["printer", "printer.example"]}]
    seen = Names(case, "printer", "printer.example", hostAliases=aliases)
    assert ["203.0.113.7", "printer", "printer.example"] in seen.hosts
    assert seen.found == {"printer": "203.0.113.7", "printer.example": "203.0.113.7"}


@together
def test_a_pod_has_the_name_and_the_domain_that_it_wants(case: Case) -> None:
    whole = name_in_cluster(case, "first.group")
    case.kubectl.apply(service("group", clusterIP="None"))
    seen = Names(case, "first", whole, hostname="first", subdomain="group")
    assert len(seen.addresses) == 2
    assert all([address, whole, "first"] in seen.hosts for address in seen.addresses)
    assert seen.found == dict.fromkeys(("first", whole), " ".join(seen.addresses))


@together
def test_a_pod_in_the_nodes_network_has_the_nodes_names(case: Case) -> None:
    aliases: list[Object] = [{"ip": "203.0.113.8", "hostnames": ["scanner"]}]
    seen = Names(case, "scanner", hostNetwork=True, hostAliases=aliases)
    assert seen.resolv_conf == RESOLV_CONF
    of_the_node = [line.split() for line in Path("/etc/hosts").read_text().splitlines()]
    assert all(line in seen.hosts for line in of_the_node)
    assert seen.found == {"scanner": "203.0.113.8"}


@together
def test_a_pod_in_the_nodes_network_asks_the_cluster_where_it_says_so(case: Case) -> None:
    whole = name_in_cluster(case, "api")
    case.cluster.names[whole] = ["10.96.0.78"]
    seen = Names(case, "api", hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")
    assert seen.resolv_conf == searches(case) + ABOUT_A_POD
    assert seen.found == {"api": "10.96.0.78"}
