"""What a pull may tell a registry about who pulls (CRI: AuthConfig). Never logged."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from image_store.errors import Unauthorized

_DOCKER_HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Credentials:
    username: str = ""
    password: str = field(default="", repr=False)
    auth: str = field(default="", repr=False)
    """Base64 of ``username:password``."""
    server_address: str = ""
    """URL or host of the registry they are for; empty: of whichever is asked."""
    identity_token: str = field(default="", repr=False)
    """An OAuth2 refresh token."""
    registry_token: str = field(default="", repr=False)
    """A bearer token."""


@dataclass(frozen=True)
class Login:
    """The one way to identify that the credentials chose. All empty: anonymous."""

    username: str = ""
    password: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """Value of a Basic authorization header, empty without a user name and a password."""
        if not self.username and not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def login_for(registry: str, credentials: Credentials | None) -> Login:
    """CRI: user name and password, else identity token, else auth, else registry token. Raises Unauthorized."""
    if credentials is None or not _meant_for(registry, credentials.server_address):
        return Login()
    if credentials.username:
        return Login(credentials.username, credentials.password)
    if credentials.identity_token:
        return Login(refresh_token=credentials.identity_token)
    if credentials.auth:
        return _decoded(registry, credentials.auth)
    return Login(bearer_token=credentials.registry_token)


def _meant_for(registry: str, server_address: str) -> bool:
    if not server_address:
        return True
    url = server_address if "://" in server_address else f"https://{server_address}"
    host = urlsplit(url).netloc
    return host == registry or (host in _DOCKER_HUB_HOSTS and registry in _DOCKER_HUB_HOSTS)


def _decoded(registry: str, auth: str) -> Login:
    try:
        text = base64.b64decode(auth, validate=True).decode().rstrip("\0")
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    username, colon, password = text.partition(":")
    if not colon:
        raise Unauthorized(
            f"the credentials for registry {registry} cannot be read: auth must be base64 of username:password"
        )
    return Login(username, password)
