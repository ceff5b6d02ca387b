"""Port and limits of a container that is given HTTP requests."""

import json

import pytest

from cri_server import container_http
from cri_server.config import HttpSettings
from cri_server.container_http import VARIABLE
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

_PORT = "wasmlet.dev/http-port"


def config(**annotations: str) -> cri.ContainerConfig:
    return cri.ContainerConfig(metadata=cri.ContainerMetadata(name="main"), annotations=annotations)


def declared(*ports: int) -> dict[str, str]:
    return {"io.kubernetes.container.ports": json.dumps([{"containerPort": port} for port in ports])}


def pod(**annotations: str) -> cri.PodSandboxConfig:
    return cri.PodSandboxConfig(annotations=annotations)


def test_an_annotation_comes_first() -> None:
    of_pod = pod(**{_PORT: "1000", f"{_PORT}.main": "2000", f"{_PORT}.other": "3000"})
    variables = {VARIABLE: "0.0.0.0:4000"}
    assert container_http.port(config(**{_PORT: "500"}), of_pod, variables) == 500
    assert container_http.port(config(**declared(5000)), of_pod, variables) == 2000
    assert container_http.port(config(), pod(**{_PORT: "1000"}), variables) == 1000


def test_then_the_variable_of_runwasi() -> None:
    for address in ("0.0.0.0:4000", "[::]:4000", ":4000"):
        assert container_http.port(config(**declared(5000)), pod(), {VARIABLE: address}) == 4000


def test_then_the_only_port_that_is_declared() -> None:
    assert container_http.port(config(**declared(5000)), pod(), {}) == 5000
    assert container_http.port(config(**declared(5000, 5001)), pod(), {}) == 8080
    assert container_http.port(config(**declared()), pod(), {}) == 8080


def test_of_another_client_than_the_kubelet_the_sandbox_tells() -> None:
    sandbox = cri.PodSandboxConfig(port_mappings=[cri.PortMapping(container_port=5000)])
    assert container_http.port(config(), sandbox, {}) == 5000
    assert container_http.port(config(), sandbox, {}, taken={5000}) == 8080


@pytest.mark.parametrize("text", ["", "0", "65536", "http", "-1", "8080,8081"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="container main .* give a port"):
        container_http.port(config(**{_PORT: text}), pod(), {})


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "0.0.0.0:", "localhost:80"])
def test_an_address_that_cannot_be_kept_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match=f"variable {VARIABLE} of container main"):
        container_http.port(config(), pod(), {VARIABLE: address})


def test_limits_come_from_the_settings_and_from_annotations_before_them() -> None:
    settings = HttpSettings(workers=3, concurrency=10, access_log="json")
    made = container_http.limits(config(), pod(), settings)
    assert (made.workers, made.concurrency, made.access_log, made.header_bytes) == (3, 10, "json", 65536)
    annotations = {
        "wasmlet.dev/http-workers": "2",
        "wasmlet.dev/http-concurrency.main": "7",
        "wasmlet.dev/http-max-body-bytes": "1000",
        "wasmlet.dev/http-request-seconds": "5",
        "wasmlet.dev/http-access-log": "common",
    }
    made = container_http.limits(config(), pod(**annotations), settings)
    assert (made.workers, made.concurrency, made.body_bytes) == (2, 7, 1000)
    assert (made.request_seconds, made.access_log) == (5, "common")


def test_workers_fill_the_cpu_limit() -> None:
    half = config()
    half.linux.resources.cpu_period, half.linux.resources.cpu_quota = 100_000, 50_000
    assert container_http.limits(half, pod(), HttpSettings()).workers == 1
    assert 1 <= container_http.limits(config(), pod(), HttpSettings()).workers <= 4


@pytest.mark.parametrize(
    ("name", "text"),
    [("workers", "-1"), ("concurrency", "0"), ("request-seconds", "soon"), ("access-log", "xml"), ("workers", "1000")],
)
def test_a_limit_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"annotation wasmlet.dev/http-{name} of container main"):
        container_http.limits(config(), pod(**{f"wasmlet.dev/http-{name}": text}), HttpSettings())


@pytest.mark.parametrize("access", ["none", "outbound"])
def test_a_pod_that_nobody_may_connect_to_serves_nothing(access: str) -> None:
    with pytest.raises(InvalidRequest, match="wasmlet.dev/network"):
        container_http.check_access(config(), access)
    container_http.check_access(config(), "inbound")
