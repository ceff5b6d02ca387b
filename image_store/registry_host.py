"""A server that is asked for a registry's images: the registry itself, or a mirror of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from image_store.transport import transport

CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class RegistryHost:
    scheme: str
    address: str
    """Host, and port if any."""
    path: str = "/v2"
    """Where its API begins."""
    may_resolve: bool = True
    """Trusted to say which digest a tag has."""
    may_pull: bool = True
    verify: bool | str = True
    """False: any certificate will do; a path: of the authorities that are trusted."""
    authorities: tuple[str, ...] = ()
    """Files of further ones."""
    client: tuple[str, str] | None = None
    """Files of the certificate and its key that are shown to it."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request to it, and to nobody else."""
    may_use_proxy: bool = True
    """One that the environment names."""
    proxy: str = field(default="", repr=False)
    """URL of one of its own."""
    connect_seconds: float = CONNECT_SECONDS
    configured_in: str = ""
    """The file that names it; empty: none does."""

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.address}"

    @property
    def tls_remedy(self) -> str:
        """What to do where TLS fails."""
        if self.configured_in:
            return f'name its authority as ca in {self.configured_in}, or write "http://" there if it has no TLS'
        return "trust its authority on this machine, or list it in images.plain_http if it has no TLS"


def upstream(address: str, plain_http: tuple[str, ...]) -> RegistryHost:
    """The registry itself, as it is spoken to where no file says otherwise."""
    scheme, verify, may_use_proxy = transport(address, plain_http)
    return RegistryHost(scheme, address, verify=verify, may_use_proxy=may_use_proxy)
