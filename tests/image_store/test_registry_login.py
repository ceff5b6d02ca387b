"""Challenges of registries, as they are written in the wild. The rest is in test_registry.py."""

from hypothesis import given
from hypothesis import strategies as st

from image_store.registry_login import Challenge, parse_challenges


def test_bearer() -> None:
    header = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'
    (challenge,) = parse_challenges(header)
    assert challenge == Challenge(
        "bearer",
        {
            "realm": "https://auth.docker.io/token",
            "service": "registry.docker.io",
            "scope": "repository:a/b:pull,push",
        },
    )


def test_several_in_one_header() -> None:
    header = 'basic realm="a, Bearer b", BEARER Realm = "https://r" , service=plain'
    assert parse_challenges(header) == [
        Challenge("basic", {"realm": "a, Bearer b"}),
        Challenge("bearer", {"realm": "https://r", "service": "plain"}),
    ]


def test_unknown_schemes() -> None:
    assert parse_challenges('Negotiate, Digest realm="x"') == []


@given(st.text(max_size=200))
def test_any_header_can_be_read(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme in ("basic", "bearer")
