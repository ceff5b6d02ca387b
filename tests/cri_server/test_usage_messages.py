import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.usage_messages import fill_network, fill_swap
from sandbox.cgroup.usage import MemoryUsage
from sandbox.network.interface_counters import InterfaceCounters


@pytest.mark.parametrize(
    ("limit", "free", "available"),
    [(100, 1000, 60), (100, 50, 50), (40, 1000, 0), (30, 1000, 0), (None, 1000, 1000), (None, 0, 0)],
)
def test_swap_is_available_as_far_as_the_limit_and_the_machine_go(limit: int | None, free: int, available: int) -> None:
    message = cri.SwapUsage()
    fill_swap(message, MemoryUsage(1, 1, 1, 1, 1, limit=None, swapped=40, swap_limit=limit), free, timestamp=7)
    assert (message.swap_usage_bytes.value, message.swap_available_bytes.value, message.timestamp) == (40, available, 7)


def test_every_counter_of_every_interface_is_told() -> None:
    message = cri.NetworkUsage()
    fill_network(message, [InterfaceCounters("eth0", *range(1, 9)), InterfaceCounters("eth1", *range(11, 19))], 7)
    [other] = message.interfaces
    told = [
        (each.name, each.rx_bytes.value, each.rx_errors.value, each.tx_bytes.value, each.tx_errors.value)
        for each in (message.default_interface, other)
    ]
    assert told == [("eth0", 1, 3, 5, 7), ("eth1", 11, 13, 15, 17)]
    assert message.timestamp == 7
