import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import SandboxError
from sandbox.network.cni.invocation import Invocation
from sandbox.network.cni.results import PluginFailed, addresses, failure, parse_result

CALL = Invocation("bridge", "pods", "ADD", {}, b"")


def listed(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(address.interface), address.gateway) for address in addresses(result)]


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_the_oldest_results_have_one_address_of_each_family(version: str) -> None:
    result = {"cniVersion": version, "ip4": {"ip": "10.1.0.2/16", "gateway": "10.1.0.1"}, "ip6": {"ip": "fd00::2/64"}}
    assert listed(result) == [("10.1.0.2/16", "10.1.0.1"), ("fd00::2/64", "")]


def test_of_several_interfaces_the_pods_own_counts() -> None:
    result = {
        "cniVersion": "0.4.0",
        "interfaces": [{"name": "cni0"}, {"name": "eth0", "sandbox": "/n"}, {"name": "net1", "sandbox": "/n"}],
        "ips": [
            {"version": "6", "interface": 1, "address": "fd00::2/64", "gateway": "fd00::1"},
            {"version": "4", "interface": 0, "address": "10.1.0.1/16"},
            {"version": "4", "interface": 2, "address": "10.9.0.9/16"},
            {"version": "4", "interface": 1, "address": "10.1.0.2/16", "gateway": "10.1.0.1"},
        ],
    }
    assert listed(result) == [("10.1.0.2/16", "10.1.0.1"), ("fd00::2/64", "fd00::1")]


def test_addresses_need_no_interface() -> None:
    assert listed({"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/16"}]}) == [("10.1.0.2/16", "")]


@pytest.mark.parametrize("result", [{}, {"ips": None}, {"ips": [], "interfaces": []}])
def test_a_result_may_be_without_address(result: dict[str, object]) -> None:
    assert addresses(result) == []


@pytest.mark.parametrize(
    "result",
    [
        {"ips": [{"address": "10.1.0"}]},
        {"ips": [{}]},
        {"ips": ["10.1.0.2"]},
        {"ips": 4},
        {"ip4": {}, "ip6": "x"},
        {"interfaces": [{}], "ips": [{"interface": 3, "address": "10.1.0.2/16"}]},
        {"interfaces": [{}], "ips": [{"interface": "eth0", "address": "10.1.0.2/16"}]},
        {"ips": [{"address": "10.1.0.2/16", "gateway": "nobody"}]},
    ],
)
def test_nonsense_is_told(result: dict[str, object]) -> None:
    with pytest.raises(SandboxError, match="cannot be read"):
        addresses(result)


@given(
    st.dictionaries(
        st.sampled_from(["ips", "ip4", "ip6", "interfaces"]),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda deeper: st.lists(deeper) | st.dictionaries(st.sampled_from(["address", "interface", "ip"]), deeper),
        ),
    )
)
def test_results_of_any_shape_are_read_or_told(result: dict[str, object]) -> None:
    with suppress(SandboxError):
        addresses(result)


def test_an_answer_is_an_object() -> None:
    assert parse_result(CALL, b'{"ips": []}\n') == {"ips": []}
    for output in (b"", b"[]", b"\xff", b"hello"):
        with pytest.raises(PluginFailed, match="ADD by plugin bridge of CNI network pods answered no JSON object"):
            parse_result(CALL, output)


def told(status: int, output: object = None, errors: bytes = b"") -> str:
    raw = output if isinstance(output, bytes) else json.dumps(output).encode()
    return str(failure(CALL, status, raw, errors))


def test_an_error_is_told_whole() -> None:
    error = {"cniVersion": "1.0.0", "code": 11, "msg": "no addresses", "details": "range is used up"}
    assert told(1, error) == (
        "ADD by plugin bridge of CNI network pods failed: no addresses; range is used up (code 11)"
    )


def test_an_error_that_is_none_is_told_as_it_came() -> None:
    assert told(1, b"", b"panic:\n  nil") == "ADD by plugin bridge of CNI network pods failed: panic: nil"
    assert told(1, b"hello").endswith("failed: hello")
    assert told(-9, b"").endswith("failed: it ended with status -9 and told no reason")
    assert len(told(1, b"x" * 100_000)) < 3000
