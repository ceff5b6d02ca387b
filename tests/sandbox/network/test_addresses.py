from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import SandboxError
from sandbox.network.addresses import Address, AddressBook, gateway, usable

SMALL = IPv4Network("10.0.0.0/29")


def book(*ranges: IPv4Network) -> AddressBook:
    made = AddressBook()
    for network in ranges or (SMALL,):
        made.use(network)
    return made


def test_the_gateway_is_the_first_address() -> None:
    assert gateway(SMALL) == IPv4Interface("10.0.0.1/29")
    assert book().take("a").gateway == IPv4Address("10.0.0.1")


@pytest.mark.parametrize(("prefix", "room"), [(24, True), (30, True), (31, False), (32, False)])
def test_a_range_needs_room_for_a_gateway_and_a_pod(prefix: int, room: bool) -> None:
    assert usable(IPv4Network((0, prefix))) is room


def test_a_range_is_given_whole_without_its_ends_and_gateway() -> None:
    made = book()
    assert [str(made.take(str(holder)).interface) for holder in range(5)] == [f"10.0.0.{n}/29" for n in range(2, 7)]
    with pytest.raises(SandboxError, match=r"no free address in 10.0.0.0/29: 5 pods hold one"):
        made.take("one too many")


def test_the_longest_free_comes_first_and_is_known_by_its_former_holder() -> None:
    made = book()
    given = {name: made.take(name).interface for name in "abcde"}
    for name in "dab":
        made.release(name)
    again = [made.take(name) for name in "xyz"]
    assert [lease.interface for lease in again] == [given[name] for name in "dab"]
    assert [lease.former for lease in again] == ["d", "a", "b"]


def test_an_address_given_back_waits_for_all_that_were_never_given() -> None:
    made = book()
    first = made.take("a").interface
    made.release("a")
    assert first not in [made.take(str(holder)).interface for holder in range(4)]
    assert made.take("last").interface == first


def test_after_a_restart_giving_goes_on_behind_the_last_address_held() -> None:
    made = AddressBook()
    made.hold("kept", IPv4Interface("10.0.0.4/29"))
    made.use(SMALL)
    assert [made.take(str(holder)).interface.ip.packed[-1] for holder in range(4)] == [5, 6, 2, 3]


def test_release_is_idempotent() -> None:
    made = book()
    made.take("a")
    made.release("a")
    made.release("a")
    made.release("never held")
    assert made.holders == set()


def test_holders_of_a_former_range_keep_their_addresses() -> None:
    other = IPv4Network("10.9.0.0/24")
    made = book()
    made.take("old")
    made.use(other)
    assert made.take("new").interface in [IPv4Interface("10.9.0.2/24")]
    assert made.used_ranges == {SMALL, other}
    made.release("old")
    assert made.used_ranges == {other}


def test_nobody_has_two() -> None:
    made = book()
    made.take("a")
    with pytest.raises(SandboxError, match=r"pod sandbox a has address 10.0.0.2 already"):
        made.take("a")
    assert made.take("b").interface == IPv4Interface("10.0.0.3/29")


def test_without_a_range_there_is_no_address() -> None:
    with pytest.raises(SandboxError, match="no range yet"):
        AddressBook().take("a")


@given(st.lists(st.tuples(st.sampled_from(["take", "release", "use"]), st.integers(0, 9))))
def test_nobody_ever_gets_what_another_holds(steps: list[tuple[str, int]]) -> None:
    ranges = [SMALL, IPv4Network("10.0.0.0/28"), IPv4Network("10.0.0.4/30")]
    made = book()
    held: dict[str, Address] = {}
    for action, number in steps:
        holder = str(number)
        if action == "use":
            made.use(ranges[number % 3])
        elif action == "release":
            made.release(holder)
            held.pop(holder, None)
        elif holder not in held:
            try:
                lease = made.take(holder)
            except SandboxError:
                continue
            assert lease.interface.ip not in held.values()
            assert lease.interface.ip not in {lease.interface.network.network_address, lease.gateway}
            held[holder] = lease.interface.ip
    assert made.holders == set(held)
