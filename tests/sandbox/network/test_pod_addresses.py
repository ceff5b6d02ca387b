from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import SandboxError
from sandbox.network.pod_addresses import PodAddresses
from sandbox.network.subnets import parse_subnets


def addresses(subnets: str) -> PodAddresses:
    made = PodAddresses()
    made.use(parse_subnets(subnets))
    return made


def taken(made: PodAddresses, holder: str) -> list[str]:
    return [str(lease.interface) for lease in made.take(holder)]


def test_one_of_each_family_in_the_order_of_the_ranges() -> None:
    assert taken(addresses("10.0.0.0/24,fd00::/64"), "a") == ["10.0.0.2/24", "fd00::2/64"]
    assert taken(addresses("fd00::/64,10.0.0.0/24"), "a") == ["fd00::2/64", "10.0.0.2/24"]
    assert taken(addresses("fd00::/64"), "a") == ["fd00::2/64"]


def test_without_a_range_there_is_none() -> None:
    with pytest.raises(SandboxError, match="no range yet"):
        PodAddresses().take("a")


def test_the_addresses_of_a_pod_go_together() -> None:
    made = addresses("10.0.0.0/29,fd00::/64")
    for holder in "abcde":
        made.take(holder)
    for holder in "db":
        made.release(holder)
    assert taken(made, "x") == ["10.0.0.5/29", "fd00::5/64"]
    assert taken(made, "y") == ["10.0.0.3/29", "fd00::3/64"]


def test_nobody_has_two_and_a_refusal_takes_nothing_away() -> None:
    made = addresses("10.0.0.0/29,fd00::/64")
    made.take("a")
    with pytest.raises(SandboxError, match=r"pod sandbox a has address 10.0.0.2 already"):
        made.take("a")
    assert made.holders == {"a"}
    assert taken(made, "b") == ["10.0.0.3/29", "fd00::3/64"]


def test_what_is_held_is_not_given() -> None:
    made = addresses("10.0.0.0/29,fd00::/64")
    made.hold("kept", [ip_interface("10.0.0.2/29"), ip_interface("fd00::3/64")])
    assert made.used_ranges == set(parse_subnets("10.0.0.0/29,fd00::/64"))
    first, second = taken(made, "a")
    assert first == "10.0.0.3/29"
    assert second not in {"fd00::3/64", "fd00::1/64"}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60), st.sampled_from([125, 126, 124, 64]))
def test_nobody_ever_gets_what_another_holds(steps: list[tuple[bool, int]], prefix: int) -> None:
    made = addresses(f"10.0.0.0/29,fd00::/{prefix}")
    held: dict[str, list[str]] = {}
    for take, number in steps:
        holder = str(number)
        if not take:
            made.release(holder)
            held.pop(holder, None)
        elif holder not in held:
            try:
                got = taken(made, holder)
            except SandboxError:
                continue
            assert not {address for others in held.values() for address in others} & set(got)
            held[holder] = got
    assert made.holders == set(held)
