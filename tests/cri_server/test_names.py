import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import NameReserved
from cri_server.names import Names, container_name, sandbox_name

POD = cri.PodSandboxMetadata(name="web", namespace="prod", uid="u1", attempt=2)


def test_names_carry_the_attempt() -> None:
    assert sandbox_name(POD) == "web_prod_u1_2"
    assert container_name(cri.ContainerMetadata(name="app", attempt=5), POD) == "app_web_prod_u1_5"


def test_a_name_has_one_holder_until_it_is_released() -> None:
    names = Names("sandbox")
    names.reserve("web_prod_u1_2", "first")
    names.reserve("web_prod_u1_2", "first")
    with pytest.raises(NameReserved, match='name "web_prod_u1_2" is reserved for "first"'):
        names.reserve("web_prod_u1_2", "second")
    names.release("web_prod_u1_2", "second")
    with pytest.raises(NameReserved):
        names.reserve("web_prod_u1_2", "second")
    names.release("web_prod_u1_2", "first")
    names.reserve("web_prod_u1_2", "second")
