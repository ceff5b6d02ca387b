from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network.subnets import POOL, free_subnet, parse_subnets, split_pod_cidr, written


def networks(*texts: str) -> list[IPv4Network]:
    return [IPv4Network(text) for text in texts]


@pytest.mark.parametrize(
    ("used", "chosen"),
    [
        ([], "10.88.0.0/24"),
        (["10.88.0.0/24"], "10.88.1.0/24"),
        (["10.88.0.7/32", "10.88.1.0/30"], "10.88.2.0/24"),
        (["10.88.0.0/17", "192.0.2.0/24"], "10.88.128.0/24"),
    ],
)
def test_the_first_that_nothing_overlaps(used: list[str], chosen: str) -> None:
    assert str(free_subnet(networks(*used))) == chosen


def test_none_is_free() -> None:
    with pytest.raises(SandboxError, match=r"this host routes 10.0.0.0/8; set network.subnet"):
        free_subnet(networks("10.0.0.0/8", "127.0.0.0/8"))


@given(
    st.lists(
        st.builds(
            lambda offset, prefix: IPv4Network((int(POOL[offset]), prefix), strict=False),
            st.integers(0, POOL.num_addresses - 1),
            st.integers(18, 32),
        ),
        max_size=20,
    )
)
def test_it_overlaps_nothing(used: list[IPv4Network]) -> None:
    try:
        chosen = free_subnet(used)
    except SandboxError:
        assert sum(network.num_addresses for network in used) >= POOL.num_addresses // 256
    else:
        assert chosen.subnet_of(POOL)
        assert not any(chosen.overlaps(network) for network in used)


@pytest.mark.parametrize(
    "text",
    ["", "x", "10.88.3.0/33", "10.88.3.1/24", "fd00::/127", "10.88.3.0/31", "10.0.0.0/8,10.88.3.0/24", "10.88.3.0/24,"],
)
def test_what_is_no_range_for_pods(text: str) -> None:
    with pytest.raises(InvalidSpec):
        parse_subnets(text)


@pytest.mark.parametrize("text", ["10.88.3.0/24", "fd00::/64", "10.88.3.0/24,fd00::/64", "fd00::/126,10.88.3.0/30"])
def test_ranges_are_written_as_they_are_read(text: str) -> None:
    assert written(parse_subnets(text)) == text


@pytest.mark.parametrize(
    ("cidr", "ranges", "unused"),
    [
        ("", "", []),
        ("10.1.0.0/16", "10.1.0.0/16", []),
        ("fd00::/64, 10.1.0.0/16", "fd00::/64,10.1.0.0/16", []),
        ("10.1.0.0/16,10.2.0.0/16", "10.1.0.0/16", ["10.2.0.0/16"]),
        ("fd00::/64", "fd00::/64", []),
    ],
)
def test_the_first_range_of_each_family_of_what_is_announced(cidr: str, ranges: str, unused: list[str]) -> None:
    found, rest = split_pod_cidr(cidr)
    assert (written(found), rest) == (ranges, unused)
