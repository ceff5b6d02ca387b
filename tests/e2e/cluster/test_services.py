"""Services of pods that serve, by kube-proxy: who is reached, from where, and that it goes on whatever happens."""

import socket
from functools import partial
from pathlib import Path

from tests.e2e.cluster.cluster import ADDRESS_IPV6
from tests.e2e.cluster.kube_proxy import is_reached
from tests.e2e.cluster.kubectl import Kubectl, eventually
from tests.e2e.cluster.outsider import outsider
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.web import (
    PORT,
    answers,
    answers_inside,
    each_second,
    flags,
    health,
    service,
    visitor,
    web,
)
from tests.e2e.cluster.workloads import deployment, pod, template
from tests.e2e.node_namespaces import ADDRESS
from tests.e2e.pods import restarts

EXAMPLE = Path(__file__).parents[3] / "deploy" / "example-service.yaml"
ITS_IMAGE = "registry.example.com/web:latest"
HOST_PORT, USED_PORT = 18080, 18081


def pod_names(kubectl: Kubectl) -> set[str]:
    """Without those that are on their way out."""
    pods = kubectl.objects("pod", "--selector=app=web")
    return {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def serve(case: Case, replicas: int, **spec: object) -> str:
    """Start a deployment and its service; return the URL that tells the name of who answers."""
    container = web(case, readinessProbe=each_second(health("ready")))
    case.kubectl.apply(
        deployment("web", replicas, template("web", container, volumes=flags(case))), service("web", **spec)
    )
    case.kubectl.wait_for_rollout("deployment/web")
    return name_url(case.kubectl.get("service/web")["spec"]["clusterIP"], 80)


@together
def test_a_service_shares_connections_among_the_pods_that_are_ready(case: Case) -> None:
    url = serve(case, 3)
    pods = pod_names(case.kubectl)
    eventually(lambda: answers(url) == pods, "all pods are reached")
    tired, *awake = sorted(pods)
    (case.folder / f"ready-of-{tired}").touch()
    eventually(lambda: answers(url) == set(awake), "who is not ready is not reached")
    (case.folder / f"ready-of-{tired}").unlink()
    eventually(lambda: answers(url) == pods, "who is ready again is reached")
    case.kubectl.delete(f"pod/{tired}")
    eventually(lambda: answers(url) == pod_names(case.kubectl), "another pod is in the place of the deleted one")
    assert tired not in pod_names(case.kubectl)


@together
def test_a_service_goes_on_while_the_server_is_killed(case: Case) -> None:
    url = serve(case, 2)
    pods = pod_names(case.kubectl)
    addresses = [pod["status"]["podIP"] for pod in case.kubectl.objects("pod")]
    eventually(lambda: answers(url) == pods, "all pods are reached")
    with visitor(case.kubectl.get("service/web")["spec"]["clusterIP"], "/name") as visiting:
        case.strike_unnoticed()
    assert visiting.visits > 0
    assert visiting.failures == []
    eventually(lambda: answers(url) == pods, "all pods are reached again")
    assert [pod["status"]["podIP"] for pod in case.kubectl.objects("pod")] == addresses


@together
def test_a_component_with_sockets_of_its_own_serves_whom_the_pod_lets_it(case: Case) -> None:
    image = case.cluster.node.image("network")
    server = web(case, "network", args=["tcp-echo", f"0.0.0.0:{PORT}"], volumeMounts=[])
    server["readinessProbe"] = each_second({"tcpSocket": {"port": "web"}})
    case.kubectl.apply(deployment("web", 1, template("web", server)), service("web"))
    case.kubectl.wait_for_rollout("deployment/web")
    address = case.kubectl.get("service/web")["spec"]["clusterIP"]
    eventually(lambda: is_reached(address, 80), "the service is reached")
    for access, said in {"outbound": f"hello of {address}:80", "inbound": "PermissionDenied"}.items():
        client = {"name": "main", "image": image, "args": ["tcp", f"{address}:80", "hello"]}
        asking = pod(access, client, restartPolicy="Never")
        asking["metadata"]["annotations"] = {"wasmlet.dev/network": access}
        case.kubectl.apply(asking)
        case.kubectl.wait(f"pod/{access}", "jsonpath={.status.phase}=Succeeded")
        assert case.kubectl("logs", access).strip() == said


@together
def test_a_guest_reaches_a_service_by_its_name(case: Case) -> None:
    """Components with sockets of their own, and one that makes an HTTP call: they ask the server of names."""
    url = serve(case, 2)
    eventually(lambda: answers(url) == pod_names(case.kubectl), "all pods are reached")
    whole = f"web.{case.kubectl.namespace}.svc.cluster.local"
    case.cluster.names[whole] = [case.kubectl.get("service/web")["spec"]["clusterIP"]]
    asking = ["tcp", "web:80", "GET /name HTTP/1.0\r\n\r\n"]
    image = case.cluster.node.image("network")
    names = [f"visitor-{each}" for each in range(4)]
    visitors = [{"name": name, "image": image, "args": asking} for name in names]
    caller = {"name": "caller", "image": case.cluster.node.image("http_get"), "args": ["web", "/name"]}
    case.kubectl.apply(pod("visitors", caller, *visitors, restartPolicy="Never"))
    case.kubectl.wait("pod/visitors", "jsonpath={.status.phase}=Succeeded")
    for name in names:
        *_, last = case.kubectl("logs", "visitors", f"--container={name}").splitlines()
        assert last.split()[0] in pod_names(case.kubectl)
    assert case.kubectl("logs", "visitors", "--container=caller") == "status 200\n"


@together
def test_a_pod_reaches_itself_by_its_service(case: Case) -> None:
    url = serve(case, 1)
    [name] = pod_names(case.kubectl)
    eventually(lambda: answers_inside(case.cluster.node.pid(name), url) == {name}, "the pod reaches itself")


@together
def test_a_pod_is_reached_at_a_port_of_the_node_while_the_server_is_killed(case: Case) -> None:
    ports = [{"containerPort": PORT, "hostPort": HOST_PORT}]
    case.kubectl.apply(pod("alone", web(case, ports=ports), volumes=flags(case)))
    case.kubectl.wait("pod/alone", "condition=Ready")
    with visitor(f"{ADDRESS}:{HOST_PORT}", "/name") as visiting:
        case.strike_unnoticed()
    assert visiting.visits > 0
    assert visiting.failures == []
    assert answers(f"http://127.0.0.1:{HOST_PORT}/name") == {"alone"}


@together
def test_a_pod_waits_until_nobody_uses_its_port_of_the_node(case: Case) -> None:
    container = case.tool("sleep 1000", ports=[{"containerPort": 80, "hostPort": USED_PORT}])
    with socket.create_server(("", USED_PORT)):
        case.kubectl.apply(pod("waiting", container, volumes=case.volumes()))
        words = f"host port {USED_PORT}", "is used by a process of this host"
        case.kubectl.wait_for_event("waiting", "FailedCreatePodSandBox", *words)
    case.kubectl.wait("pod/waiting", "condition=Ready")


@together
def test_the_example_is_updated_without_losing_a_request(case: Case) -> None:
    """As on a cluster whose nodes all run wasmlet. Everybody has longer than in the example: kube-proxy to learn of it,
    the probes to be answered."""
    manifests = EXAMPLE.read_text().replace("      runtimeClassName: wasmlet\n", "")
    changes = {
        ITS_IMAGE: case.cluster.node.image("web"),
        "                seconds: 5\n": "                seconds: 20\n",
        "              port: http\n": "              port: http\n            timeoutSeconds: 300\n",
        "      containers:\n": "      terminationGracePeriodSeconds: 600\n      containers:\n",
    }
    for given, here in changes.items():
        assert given in manifests
        manifests = manifests.replace(given, here)
    case.kubectl("apply", "--filename=-", given=manifests)
    case.kubectl.wait_for_rollout("deployment/web")
    before = pod_names(case.kubectl)
    address = case.kubectl.get("service/web")["spec"]["clusterIP"]
    eventually(lambda: answers(f"http://{address}/") == {"hello /"}, "the service is reached")
    with visitor(address, "/", stays=False) as visiting:
        case.kubectl("rollout", "restart", "deployment/web")
        case.kubectl.wait_for_rollout("deployment/web")
        eventually(lambda: not before & {pod["metadata"]["name"] for pod in case.kubectl.objects("pod")}, "all are new")
    assert visiting.visits > 0
    assert visiting.failures == []


@together
def test_components_serve_and_call_by_a_service(case: Case) -> None:
    """By TCP and UDP, with sockets of their own."""
    image = case.cluster.node.image("network")
    ports = [{"name": name, "protocol": name.upper(), "port": 7000} for name in ("tcp", "udp")]
    probe = each_second({"tcpSocket": {"port": 7000}})
    tcp = {"name": "tcp", "image": image, "args": ["tcp-echo", "0.0.0.0:7000"], "readinessProbe": probe}
    udp = {"name": "udp", "image": image, "args": ["udp-echo", "0.0.0.0:7000"]}
    case.kubectl.apply(deployment("echo", 1, template("echo", tcp, udp)), service("echo", ports=ports))
    case.kubectl.wait_for_rollout("deployment/echo")
    address = case.kubectl.get("service/echo")["spec"]["clusterIP"]
    assert case.kubectl.log("deployment/echo", "--container=udp") == ["udp 0.0.0.0:7000"], "it has no probe"
    eventually(lambda: is_reached(address, 7000), "the service is reached")
    where = f"{address}:7000"
    calls = {"tcp": ["tcp", where, "a stream"], "udp": ["udp", "0.0.0.0:0", where, "a datagram"]}
    callers = [{"name": name, "image": image, "args": arguments} for name, arguments in calls.items()]
    case.kubectl.apply(pod("callers", *callers, restartPolicy="Never"))
    case.kubectl.wait("pod/callers", "jsonpath={.status.phase}=Succeeded")
    assert case.kubectl("logs", "callers", "--container=tcp") == f"a stream of {where}\n"
    assert case.kubectl("logs", "callers", "--container=udp") == f"a datagram of {where}\n"


@together
def test_handlers_of_http_requests_serve_by_a_service(case: Case) -> None:
    """For which wasmlet listens, at the container's port."""
    probe = {"httpGet": {"path": "/", "port": "web"}}
    probes = {f"{kind}Probe": each_second(probe, failures=10) for kind in ("startup", "readiness", "liveness")}
    hooks = {"postStart": probe, "preStop": probe}
    container = web(case, "http_minimal", lifecycle=hooks, **probes)
    case.kubectl.apply(deployment("web", 2, template("web", container, volumes=flags(case))), service("web"))
    case.kubectl.wait_for_rollout("deployment/web")
    address = case.kubectl.get("service/web")["spec"]["clusterIP"]
    eventually(lambda: answers(f"http://{address}/") == {"hello\n"}, "the service is reached")
    with visitor(address, "/") as visiting:
        case.strike_unnoticed()
    assert visiting.visits > 0
    assert visiting.failures == []
    for name in pod_names(case.kubectl):
        assert restarts(case.kubectl.get(f"pod/{name}")) == 0


@together
def test_a_service_of_both_families_is_reached_from_everywhere(case: Case) -> None:
    """From the node, another pod and another machine, which has a route to the pods, too."""
    serve(case, 2, type="NodePort", ipFamilyPolicy="RequireDualStack")
    case.kubectl.apply(pod("visitor", case.tool("sleep 1000"), volumes=case.volumes()))
    spec, pods = case.kubectl.get("service/web")["spec"], pod_names(case.kubectl)
    node_port = spec["ports"][0]["nodePort"]
    case.kubectl.wait("pod/visitor", "condition=Ready")
    inside = case.cluster.node.pid("visitor")
    with outsider() as outside:
        for service_address, node_address in zip(spec["clusterIPs"], (ADDRESS, ADDRESS_IPV6), strict=True):
            inner, outer = name_url(service_address, 80), name_url(node_address, node_port)
            eventually(partial(reaches_all, pods, inner), "all pods are reached")
            assert answers(outer) == answers_inside(inside, inner) == answers_inside(outside, outer) == pods
        for found in case.kubectl.objects("pod", "--selector=app=web"):
            for each in found["status"]["podIPs"]:
                assert answers_inside(outside, name_url(each["ip"], PORT)) == {found["metadata"]["name"]}


def reaches_all(pods: set[str], url: str) -> bool:
    return answers(url) == pods


def name_url(address: str, port: int) -> str:
    """Of who tells its name."""
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/name"
