from pathlib import Path

import pytest

from cri_server.container_network import ANNOTATION, access_of, check_annotations, check_support
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, NotOffered
from image_store.image import Program

POD = {ANNOTATION: "outbound", f"{ANNOTATION}.quiet": " none "}


def container(name: str, **annotations: str) -> cri.ContainerConfig:
    return cri.ContainerConfig(metadata=cri.ContainerMetadata(name=name), annotations=annotations)


def sandbox(annotations: dict[str, str]) -> cri.PodSandboxConfig:
    return cri.PodSandboxConfig(metadata=cri.PodSandboxMetadata(name="web"), annotations=annotations)


def test_a_pod_speaks_as_any_other_unless_it_says_otherwise() -> None:
    assert access_of(container("main"), sandbox({})) == "full"
    assert access_of(container("main"), sandbox({f"{ANNOTATION}.quiet": "none"})) == "full"


def test_a_containers_own_comes_before_its_pods() -> None:
    assert access_of(container("main"), sandbox(POD)) == "outbound"
    assert access_of(container("quiet"), sandbox(POD)) == "none"
    assert access_of(container("quiet", **{ANNOTATION: "inbound"}), sandbox(POD)) == "inbound"


@pytest.mark.parametrize("value", ["", "all", "None", "full,none"])
@pytest.mark.parametrize("name", [ANNOTATION, f"{ANNOTATION}.main"])
def test_what_is_not_known_is_refused_with_what_is(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=r'pod sandbox web .* choose "full", "outbound", "inbound" or "none"'):
        check_annotations(sandbox({name: value}))
    with pytest.raises(InvalidRequest, match="annotation wasmlet.dev/network of container main"):
        access_of(container("main", **{ANNOTATION: value}), sandbox({}))


def test_an_annotation_for_a_container_without_a_name_is_refused() -> None:
    """It would have no effect, where somebody meant to take something away."""
    with pytest.raises(InvalidRequest, match=r"annotation wasmlet.dev/network. of pod sandbox web names no container"):
        check_annotations(sandbox({f"{ANNOTATION}.": "none"}))


def test_what_is_known_is_not() -> None:
    check_annotations(sandbox({**POD, "wasmlet.dev/networks": "?"}))


def program(opens_sockets: bool) -> Program:
    nothing = Path("/nothing")
    return Program("component", "sha256:0", nothing, nothing, "/web", "_start", (), True, opens_sockets=opens_sockets)


def test_a_component_with_sockets_is_refused_where_none_can_be_granted() -> None:
    with pytest.raises(
        NotOffered, match="component /web of container main uses wasi:sockets, .*: for a reason; or set"
    ):
        check_support(container("main"), program(True), "outbound", "for a reason")


def test_no_other_is() -> None:
    check_support(container("main"), program(True), "full", "")
    check_support(container("main"), program(True), "none", "for a reason")
    check_support(container("main"), program(False), "full", "for a reason")
