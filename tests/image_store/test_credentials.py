"""CRI: which of the credentials of a pull are used, and for whom."""

import base64

import pytest

from image_store.credentials import Credentials, Login, login_for
from image_store.errors import Unauthorized

ENCODED = base64.b64encode(b"me:a:secret").decode()
ALL = Credentials("me", "secret", ENCODED, "", "refresh", "bearer")


@pytest.mark.parametrize(
    ("credentials", "login"),
    [
        (None, Login()),
        (Credentials(), Login()),
        (ALL, Login("me", "secret")),
        (Credentials(auth=ENCODED, identity_token="refresh", registry_token="bearer"), Login(refresh_token="refresh")),
        (Credentials(auth=ENCODED, registry_token="bearer"), Login("me", "a:secret")),
        (Credentials(registry_token="bearer"), Login(bearer_token="bearer")),
        (Credentials(auth=base64.b64encode(b"me:secret\0\0").decode()), Login("me", "secret")),
        (Credentials("me", "secret", server_address="ghcr.io"), Login("me", "secret")),
        (Credentials("me", "secret", server_address="https://ghcr.io/v2/"), Login("me", "secret")),
        (Credentials("me", "secret", server_address="http://ghcr.io:80"), Login()),
        (Credentials("me", "secret", server_address="docker.io"), Login()),
    ],
)
def test_the_first_that_is_given_counts(credentials: Credentials | None, login: Login) -> None:
    assert login_for("ghcr.io", credentials) == login


@pytest.mark.parametrize("address", ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_docker_hub_has_several_names(address: str) -> None:
    credentials = Credentials("me", "secret", server_address=address)
    assert login_for("registry-1.docker.io", credentials) == Login("me", "secret")


@pytest.mark.parametrize("auth", ["no base64!", base64.b64encode(b"no colon").decode(), "/w=="])
def test_auth_that_cannot_be_read(auth: str) -> None:
    with pytest.raises(Unauthorized, match="registry ghcr.io cannot be read: auth must be base64 of username:password"):
        login_for("ghcr.io", Credentials(auth=auth))


def test_secrets_are_not_shown() -> None:
    shown = repr(ALL) + repr(login_for("x", ALL)) + repr(login_for("x", Credentials(registry_token="bearer")))
    for secret in ("secret", ENCODED, "refresh'", "bearer'"):
        assert secret not in shown
