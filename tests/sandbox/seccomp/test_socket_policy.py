import pytest

from sandbox import network_access
from sandbox.seccomp.socket_policy import GIVEN_SOCKETS, NO_SOCKETS, policy_of


@pytest.mark.parametrize("access", network_access.ALL)
def test_calls_take_what_connecting_takes_and_nothing_where_the_pod_may_not(access: str) -> None:
    connecting = policy_of(network_access.OUTBOUND, opens_sockets=True, calls_http=False, listens=False)
    policy = policy_of(access, opens_sockets=False, calls_http=True, listens=False)
    assert policy is (connecting if network_access.calls_out(access) else NO_SOCKETS)
    assert not {"bind", "listen", "accept4"} & set(policy.allowed)


@pytest.mark.parametrize("access", network_access.ALL)
def test_a_component_that_calls_keeps_its_own_sockets(access: str) -> None:
    alone = policy_of(access, opens_sockets=True, calls_http=False, listens=False)
    assert policy_of(access, opens_sockets=True, calls_http=True, listens=False) is alone


def test_a_module_uses_what_it_is_given() -> None:
    assert policy_of(network_access.FULL, opens_sockets=False, calls_http=False, listens=True) is GIVEN_SOCKETS
    assert policy_of(network_access.FULL, opens_sockets=False, calls_http=False, listens=False) is NO_SOCKETS


@pytest.mark.parametrize("access", network_access.ALL)
def test_who_asks_the_host_may_do_without_changes_of_modes(access: str) -> None:
    changing = policy_of(access, opens_sockets=False, calls_http=False, listens=False, asks_host=True)
    other = policy_of(access, False, False, False, asks_host=True, changes_modes=False)
    assert set(changing.allowed) - set(other.allowed) == {"fchmod"}
    assert changing.conditional == other.conditional
