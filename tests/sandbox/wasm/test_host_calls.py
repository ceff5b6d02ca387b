"""What a pod takes away of the sockets that the host makes for a module."""

import pytest

from sandbox import network_access
from sandbox.wasm.host_calls import DATAGRAM, STREAM, HostCalls

_ACCESS = 2


@pytest.mark.parametrize("access", [network_access.INBOUND, network_access.NONE])
@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
def test_none_is_made_where_the_pod_may_not_call_out(access: str, kind: int) -> None:
    """Refused here, above the filter, so that it is told as what it is."""
    calls = HostCalls(
        lambda address, size: bytes(size), lambda address, data: None, lambda *_: 0, lambda number: number
    )
    calls.attach(-1, access)
    assert calls._sock_connect(kind, 0, 4, 1, 0) == _ACCESS
