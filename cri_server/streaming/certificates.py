"""The certificate that the server shows, read again when its files change: whoever renews it restarts nothing."""

import os
import ssl
from typing import Any

import structlog

from cri_server.config import StreamingSettings
from cri_server.errors import UnusableSetting

log = structlog.get_logger()


def open_certificates(settings: StreamingSettings) -> ssl.SSLContext | None:
    """None: without TLS. Raises UnusableSetting."""
    if not settings.tls_certificate:
        for key in ("tls_key", "tls_client_ca"):
            if getattr(settings, key):
                raise UnusableSetting(f"streaming.{key}", 'is of no use without a tls_certificate; name one, or set ""')
        return None
    try:
        return _Certificates(settings).entrance()
    except (OSError, ssl.SSLError) as error:
        raise UnusableSetting("streaming.tls_certificate", f"TLS cannot be served: {error}; {_REMEDY}") from error


_REMEDY = "name PEM files of a certificate, of its key, and of authorities if any"


class _Certificates:
    def __init__(self, settings: StreamingSettings) -> None:
        self._settings = settings
        self._seen = self._stamps()
        self._context = self._read()

    def entrance(self) -> ssl.SSLContext:
        """Every handshake begins with it, and is handed to the newest one when the client has said its first word."""
        entrance = self._read()
        entrance.sni_callback = self._hand_over
        return entrance

    def _hand_over(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: Any, _entrance: ssl.SSLContext) -> None:
        connection.context = self._newest()

    def _newest(self) -> ssl.SSLContext:
        """Files that are being replaced may not fit each other for a moment: what worked last is shown until then."""
        try:
            stamps = self._stamps()
            if stamps != self._seen:
                self._context = self._read()
                self._seen = stamps
                log.info("the certificate of the streaming server was read again", path=self._settings.tls_certificate)
        except (OSError, ssl.SSLError) as error:
            log.warning("the changed certificate of the streaming server cannot be used yet", error=str(error))
        return self._context

    def _stamps(self) -> list[tuple[int, int, int]]:
        return [(found.st_ino, found.st_mtime_ns, found.st_size) for found in map(os.stat, self._files())]

    def _files(self) -> list[str]:
        settings = self._settings
        return [path for path in (settings.tls_certificate, settings.tls_key, settings.tls_client_ca) if path]

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key or None, _no_passphrase)
        if self._settings.tls_client_ca:
            context.load_verify_locations(self._settings.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _no_passphrase() -> str:
    """OpenSSL would ask the terminal for it, and wait."""
    raise ssl.SSLError("the key is encrypted; store it without a passphrase")
