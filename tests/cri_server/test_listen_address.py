import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.listen_address import parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9477", ("127.0.0.1", 9477)),
        (":9477", ("127.0.0.1", 9477)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("node.example:65535", ("node.example", 65535)),
        ("[::1]:9477", ("::1", 9477)),
    ],
)
def test_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["host", "host:", "host:0", "host:65536", "host:-1", "host:٣", "::1:9477", "1.2.3.4"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        parse_address(text)


@given(st.text())
def test_whatever_is_accepted_can_be_listened_on_in_principle(text: str) -> None:
    try:
        host, port = parse_address(text)
    except ValueError:
        return
    assert host
    assert 0 < port < 65536


def test_a_port_that_the_kernel_chooses() -> None:
    assert parse_address("127.0.0.1:0", lowest_port=0) == ("127.0.0.1", 0)
