"""Connections to registries that can be cut at once, from another thread, while a read waits.

A blocked read ends when its socket is shut down, and only then: closing the file that is read does not wake it.
"""

import contextlib
import socket
import threading
import weakref
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from image_store.registry_host import CONNECT_SECONDS, RegistryHost
from image_store.registry_tls import tls_context
from image_store.transport import trusted_authorities

_MAX_REDIRECTS = 10
_LARGEST_REDIRECT = 1 << 16
_CONNECTIONS_KEPT = 16
_IN_TROUBLE = (408, 429, 500, 502, 503, 504)
_USER_AGENT = "wasmlet"

# To skip a verification is the operator's decision, and no news with every request.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


class Cut(Exception):
    """The connections were cut: whoever wanted the answer is gone."""


class Trouble(Exception):
    """The registry gave no usable answer. Another attempt may bring one."""

    def __init__(self, reason: str, pause: float = 0.0, progress: bool = False) -> None:
        super().__init__(reason)
        self.pause = pause
        """Seconds that the registry asks for."""
        self.progress = progress
        """Much was received before."""


def is_in_trouble(answer: requests.Response) -> bool:
    return answer.status_code in _IN_TROUBLE


class Sockets:
    """Those of one pull. Once cut, none is opened any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._cut = threading.Event()

    def add(self, opened: socket.socket) -> None:
        with self._lock:
            if self._cut.is_set():
                opened.close()
                raise Cut
            self._open.add(opened)

    def cut(self) -> None:
        with self._lock:
            self._cut.set()
            for opened in self._open:
                with contextlib.suppress(OSError):
                    # The plain socket's: TLS has nothing to say any more.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises Cut."""
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Pause, but not longer than until the cut. Raises Cut."""
        if self._cut.wait(seconds):
            raise Cut


class RegistrySession(requests.Session):
    """Sends no password that the pull did not bring: neither the machine's own, nor one's to another host.

    Raises RegistryConfigInvalid when it is made.
    """

    def __init__(self, sockets: Sockets, progress_seconds: float, host: RegistryHost) -> None:
        super().__init__()
        self.trust_env = host.may_use_proxy
        self.verify = host.verify or trusted_authorities()
        self.auth = _NoPassword()
        self.max_redirects = _MAX_REDIRECTS
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": _USER_AGENT})
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(sockets, progress_seconds))
        self.mount(f"{host.origin}/", _HostAdapter(sockets, progress_seconds, host))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The library reads all of an answer that redirects, which may have no end: cut off, it has."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.raw.read(_LARGEST_REDIRECT)
            resp.raw.close()
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        url = response.request.url or ""
        if self.should_strip_auth(url, prepared_request.url or ""):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


class _NoPassword(AuthBase):
    """Keeps the library from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Adapter(HTTPAdapter):
    def __init__(self, sockets: Sockets, progress_seconds: float, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._pool_classes = _pool_classes(sockets)
        self._timeout = (connect_seconds, progress_seconds)
        super().__init__(pool_maxsize=_CONNECTIONS_KEPT)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._cuttable(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return self._cuttable(super().proxy_manager_for(proxy, **kwargs))

    def _cuttable(self, manager: Any) -> Any:
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = self._timeout
        return super().send(request, *args, **kwargs)


class _HostAdapter(_Adapter):
    """What is configured for a host, where redirects lead to gets none of it."""

    def __init__(self, sockets: Sockets, progress_seconds: float, host: RegistryHost) -> None:
        self._host = host
        context = tls_context(host)
        self._tls = {} if context is None else {"ssl_context": context}
        super().__init__(sockets, progress_seconds, host.connect_seconds)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, **self._tls)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, **self._tls)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request = request.copy()  # the given one follows redirects
        for name, value in self._host.headers.items():
            # One that answers the host's challenge goes before.
            if name.lower() != "authorization" or name not in request.headers:
                request.headers[name] = value
        if self._host.verify is False:
            kwargs["verify"] = False
        if self._host.proxy:
            kwargs["proxies"] = dict.fromkeys(("http", "https"), self._host.proxy)
        return super().send(request, *args, **kwargs)


def _pool_classes(sockets: Sockets) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Tls(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
