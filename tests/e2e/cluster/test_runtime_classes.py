"""Which pods a node of wasmlet takes, by the RuntimeClass that is in `deploy/`."""

from pathlib import Path

from tests.e2e.cluster.kubectl import Kubectl, Object, eventually
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.workloads import pod
from tests.e2e.kubelet import NODE

MANIFEST = Path(__file__).parents[3] / "deploy" / "runtimeclass.yaml"


REFUSAL = 'runtime handler "runsc" of pod sandbox foreign is not known; use "" or "wasmlet"'


def runtime_class(name: str, handler: str) -> Object:
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": handler}


@together
def test_a_pod_of_the_class_runs_on_a_node_with_its_label(case: Case) -> None:
    case.kubectl("apply", f"--filename={MANIFEST}")
    spec = {"runtimeClassName": "wasmlet", "volumes": case.volumes()}
    case.kubectl.apply(pod("classed", case.tool("count 0.1"), **spec))
    case.kubectl.wait("pod/classed", "condition=PodScheduled=False")
    case.kubectl("label", "node", NODE, "wasmlet.dev/runtime=wasmlet")
    case.kubectl.wait("pod/classed", "condition=Ready")
    case.strike_unnoticed()
    [sandbox] = case.cluster.node.sandboxes("classed")
    assert sandbox.runtime_handler == "wasmlet"


@together
def test_a_pod_without_a_class_runs(case: Case) -> None:
    case.kubectl.apply(pod("plain", case.tool("count 0.1"), volumes=case.volumes()))
    case.kubectl.wait("pod/plain", "condition=Ready")
    case.strike_unnoticed()
    [sandbox] = case.cluster.node.sandboxes("plain")
    assert sandbox.runtime_handler == ""


@together
def test_a_pod_of_another_class_is_told_why_it_does_not_run(case: Case) -> None:
    case.kubectl.apply(runtime_class("gvisor", "runsc"))
    case.kubectl.apply(pod("foreign", case.tool("count 0.1"), runtimeClassName="gvisor", volumes=case.volumes()))
    case.strike()
    eventually(lambda: REFUSAL in "".join(case.kubectl.events("foreign", "FailedCreatePodSandBox")), "it is told why")
    assert case.kubectl.get("pod/foreign")["status"]["phase"] == "Pending"


def test_the_node_tells_its_handlers(kubectl: Kubectl) -> None:
    handlers = kubectl.get(f"node/{NODE}")["status"]["runtimeHandlers"]
    assert {handler["name"] for handler in handlers} == {"", "wasmlet"}
