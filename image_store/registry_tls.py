"""What a registry's file says of certificates, made into what TLS needs. Blocking: it reads them."""

import ssl
from collections.abc import Callable

from urllib3.util.ssl_ import create_urllib3_context

from image_store.errors import RegistryConfigInvalid
from image_store.registry_host import RegistryHost


def tls_context(host: RegistryHost) -> ssl.SSLContext | None:
    """None where nothing is said. The machine's authorities are added by who connects. Raises RegistryConfigInvalid."""
    if not host.authorities and host.client is None:
        return None
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE if host.verify is False else ssl.CERT_REQUIRED)
    for path in host.authorities:
        _load(host, f"ca {path}", lambda path=path: context.load_verify_locations(path))  # type: ignore[misc]
    if host.client is not None:
        certificate, key = host.client
        _load(
            host,
            f"client certificate {certificate} with key {key}",
            lambda: context.load_cert_chain(certificate, key, password=_no_password),
        )
    return context


def _no_password() -> str:
    """Asked for where a key is encrypted: otherwise OpenSSL would ask the terminal."""
    raise ValueError("the key is encrypted")


def _load(host: RegistryHost, what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RegistryConfigInvalid(
            f"{host.configured_in}: {what} cannot be used ({reason}); name files in PEM that root can read"
        ) from error
