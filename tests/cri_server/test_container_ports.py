import json

import pytest

from cri_server.container_ports import ANNOTATION, MOST_PORTS, Port, listening_ports, listening_variables
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

OF_KUBELET = "io.kubernetes.container.ports"
HASH = {"io.kubernetes.container.hash": "1"}


def container(**annotations: str) -> cri.ContainerConfig:
    return cri.ContainerConfig(metadata=cri.ContainerMetadata(name="main"), annotations=annotations)


def sandbox(*ports: int, annotations: dict[str, str] | None = None) -> cri.PodSandboxConfig:
    mappings = [cri.PortMapping(container_port=port) for port in ports]
    mappings.append(cri.PortMapping(container_port=53, protocol=cri.UDP))
    return cri.PodSandboxConfig(port_mappings=mappings, annotations=annotations or {})


def test_the_pods_tcp_ports_without_a_kubelet() -> None:
    assert listening_ports(container(), sandbox(80, 8080, 80), True) == [Port("80", 80), Port("8080", 8080)]
    assert listening_ports(container(), sandbox(), True) == []
    assert listening_ports(container(), sandbox(80, 8080), True, taken={80}) == [Port("8080", 8080)]


def test_the_containers_own_ports_of_a_kubelet() -> None:
    declared = [
        {"name": "http", "containerPort": 80, "protocol": "TCP"},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        {"containerPort": 9090, "hostPort": 9},
    ]
    config = container(**HASH, **{OF_KUBELET: json.dumps(declared)})
    assert listening_ports(config, sandbox(80, 9090, 7), True) == [Port("http", 80), Port("9090", 9090)]
    assert listening_ports(container(**HASH), sandbox(80), True) == []


def test_an_annotation_comes_first() -> None:
    chosen = container(**HASH, **{OF_KUBELET: "[]", ANNOTATION: "8080, admin=9090"})
    assert listening_ports(chosen, sandbox(80), True) == [Port("8080", 8080), Port("admin", 9090)]
    of_pod = sandbox(80, annotations={f"{ANNOTATION}.main": "81", f"{ANNOTATION}.other": "82"})
    assert listening_ports(container(), of_pod, True) == [Port("81", 81)]
    assert listening_ports(container(**{ANNOTATION: "none"}), of_pod, True) == []


def test_a_program_that_cannot_accept_gets_none_and_may_ask_for_none() -> None:
    assert listening_ports(container(), sandbox(80), False) == []
    assert listening_ports(container(**{ANNOTATION: "none"}), sandbox(80), False) == []
    with pytest.raises(InvalidRequest, match="no WASI preview 1 module that accepts"):
        listening_ports(container(**{ANNOTATION: "80"}), sandbox(), False)


def test_a_container_that_may_not_listen_gets_none_and_may_not_ask_for_any() -> None:
    assert listening_ports(container(), sandbox(80), True, may_listen=False) == []
    assert listening_ports(container(**{ANNOTATION: "none"}), sandbox(80), True, may_listen=False) == []
    with pytest.raises(InvalidRequest, match="may not by annotation wasmlet.dev/network: remove one of them"):
        listening_ports(container(**{ANNOTATION: "80"}), sandbox(), True, may_listen=False)


@pytest.mark.parametrize("text", ["", "0", "65536", "http", "a:b=80", "=80x", "80,", "-1", "8 0", "٨٠"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="give TCP ports as in"):
        listening_ports(container(**{ANNOTATION: text}), sandbox(), True)


@pytest.mark.parametrize("text", ["", "{", "7", "[7]", '[{"name": "http"}]', '[{"containerPort": "x"}]'])
def test_garbage_in_the_kubelets_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no list of ports"):
        listening_ports(container(**{OF_KUBELET: text}), sandbox(), True)


def test_there_is_a_most() -> None:
    assert len(listening_ports(container(), sandbox(*range(1, MOST_PORTS + 1)), True)) == MOST_PORTS
    with pytest.raises(InvalidRequest, match="choose some by annotation"):
        listening_ports(container(), sandbox(*range(1, MOST_PORTS + 2)), True)


def test_what_a_guest_is_told() -> None:
    assert listening_variables([]) == {}
    variables = listening_variables([Port("http", 80), Port("9090", 9090)])
    assert variables == {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:9090"}
