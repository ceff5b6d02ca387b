from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.interface_counters import InterfaceCounters, parse, read_counters
from tests.sandbox.network.conftest import Host

HEADER = "Inter-|   Receive    |  Transmit\n face |bytes    packets|bytes    packets\n"
NAMES = st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters="/"), min_size=1, max_size=15)
COUNTS = st.integers(0, 2**64 - 1)
INTERFACES = st.builds(InterfaceCounters, NAMES.filter(lambda name: name != "lo"), *[COUNTS] * 8)


def line(counters: InterfaceCounters) -> str:
    received = " ".join(map(str, counters[1:5]))
    transmitted = " ".join(map(str, counters[5:9]))
    return f"{counters.name:>6}: {received} 1 2 3 4 {transmitted} 5 6 7 8\n"


@given(st.lists(INTERFACES, unique_by=lambda each: each.name))
def test_every_counter_is_where_it_belongs(interfaces: list[InterfaceCounters]) -> None:
    text = HEADER + line(InterfaceCounters("lo", *[9] * 8)) + "".join(map(line, interfaces))
    assert sorted(parse(text.encode())) == sorted(interfaces)


def test_the_pods_own_interface_comes_first() -> None:
    others = [InterfaceCounters(name, *[0] * 8) for name in ("net1", "eth0", "net2")]
    assert [each.name for each in parse((HEADER + "".join(map(line, others))).encode())] == ["eth0", "net1", "net2"]


def test_those_of_a_living_process_and_of_one_that_is_gone(host: Host) -> None:
    pod = host.pod()
    pod.run("ip", "link", "add", "net1", "type", "veth", "peer", "name", "eth0")
    assert [each.name for each in read_counters(pod.pid)] == ["eth0", "net1"]
    assert read_counters(2**22 + 1) == []
