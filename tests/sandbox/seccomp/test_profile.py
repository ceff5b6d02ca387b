"""What a profile of the node would refuse a guest."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import InvalidSpec
from sandbox.seccomp.guest_policy import ALLOWED, CONDITIONAL, HOSTILE
from sandbox.seccomp.profile import refused_by
from sandbox.seccomp.socket_policy import ALL, NO_SOCKETS, SocketPolicy

NEEDED = [*ALLOWED, *CONDITIONAL]
ALLOW, LOG, ERRNO, KILL = "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"


def profile(default: str, *rules: dict[str, Any]) -> bytes:
    return json.dumps({"defaultAction": default, "syscalls": list(rules)}).encode()


@given(st.sets(st.sampled_from(NEEDED)), st.sampled_from([ERRNO, KILL]))
def test_what_it_names_is_refused_where_the_rest_is_allowed(names: set[str], action: str) -> None:
    rule = {"names": [*names, *HOSTILE], "action": action}
    assert set(refused_by(profile(ALLOW, rule))) == names
    assert refused_by(profile(LOG, {"name": "chmod", "action": action})) == []


@given(st.sets(st.sampled_from(NEEDED)))
def test_what_it_does_not_name_is_refused_where_the_rest_is(names: set[str]) -> None:
    assert set(refused_by(profile(ERRNO, {"names": sorted(names), "action": ALLOW}))) == set(NEEDED) - names


@pytest.mark.parametrize("condition", [{"args": [{"index": 0}]}, {"includes": {"caps": ["X"]}}, {"excludes": {"a": 1}}])
def test_a_condition_is_a_refusal(condition: dict[str, Any]) -> None:
    rest = {"names": [name for name in NEEDED if name != "clone"], "action": ALLOW}
    conditional = {"names": ["clone"], "action": ALLOW, **condition}
    assert refused_by(profile(ERRNO, rest, conditional)) == ["clone"]
    assert refused_by(profile(ERRNO, rest, conditional, {"names": ["clone"], "action": LOG})) == []
    assert refused_by(profile(ALLOW, {"names": ["read"], "action": ERRNO, **condition})) == ["read"]


@given(
    st.one_of(
        st.binary(), st.sampled_from([b"{}", b"[]", b"7", b'{"defaultAction": 1, "syscalls": [1]}', b"[" * 10**5])
    )
)
def test_anything_else_is_no_profile(text: bytes) -> None:
    with pytest.raises(InvalidSpec, match="not a seccomp profile"):
        refused_by(text)


@pytest.mark.parametrize("policy", ALL)
def test_what_sockets_take_counts_where_there_are_some(policy: SocketPolicy) -> None:
    theirs = [*policy.allowed, *policy.conditional]
    text = profile(ALLOW, {"names": theirs, "action": ERRNO})
    assert refused_by(text, NO_SOCKETS) == []
    assert refused_by(text, policy) == theirs
