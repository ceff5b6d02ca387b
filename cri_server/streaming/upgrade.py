"""What a client's request asks for, and in which of the languages that it offers it is served. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from wsproto.utilities import generate_accept_token

from cri_server.streaming.errors import RequestRefused
from cri_server.streaming.http_handshake import Request
from cri_server.streaming.target import PortTarget, ProcessTarget

KINDS = ("exec", "attach", "portforward")
"""First words of the URLs' paths."""

SPDY = "SPDY/3.1"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
"""A whole SPDY connection as the payload of WebSocket messages."""

_VERSIONS = "X-Stream-Protocol-Version"
_ACCEPTED = "X-Accepted-Stream-Protocol-Versions"
_SPDY_COMMAND = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
_SPDY_PORTS = ("portforward.k8s.io",)
_WEBSOCKET_COMMAND = (
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
    "",
)
_WEBSOCKET_PORTS = ("v4.channel.k8s.io", "v4.base64.channel.k8s.io", "")
_MOST_PORTS = 127
"""Each takes two channels, and the number of a channel is a byte."""


class Upgrade(NamedTuple):
    websocket: bool
    protocol: str
    """That both sides speak; ``""``: over WebSocket, the client named none."""
    headers: tuple[tuple[str, str], ...]
    """Of the answer."""


def place(request: Request) -> tuple[str, str]:
    """Kind and token of the URL. Raises RequestRefused."""
    _, kind, token, *more = [*request.target.split("/"), "", ""]
    if kind not in KINDS or any(more):
        raise RequestRefused(404, "not found: a stream's URL is the one that the runtime has given out")
    if request.method not in ("GET", "POST"):
        raise RequestRefused(405, f"{request.method} is not allowed: use POST or GET", [("Allow", "GET, POST")])
    return kind, token


def negotiate(request: Request, target: ProcessTarget | PortTarget) -> Upgrade:
    """Raises RequestRefused."""
    if not request.mentions("connection", "upgrade"):
        raise _not_an_upgrade()
    if request.mentions("upgrade", "websocket"):
        return _websocket(request, _websocket_protocols(target))
    if request.mentions("upgrade", SPDY.lower()):
        return _spdy(request, _SPDY_COMMAND if isinstance(target, ProcessTarget) else _SPDY_PORTS)
    raise _not_an_upgrade()


def _spdy(request: Request, spoken: Sequence[str]) -> Upgrade:
    offered = request.values(_VERSIONS.lower())
    if not offered:
        raise RequestRefused(400, f"unable to upgrade: header {_VERSIONS} does not exist in request")
    protocol = _first_common(offered, spoken)
    headers = (("Connection", "Upgrade"), ("Upgrade", SPDY), (_VERSIONS, protocol))
    return Upgrade(False, protocol, headers)


def _websocket(request: Request, spoken: Sequence[str]) -> Upgrade:
    if request.method != "GET":
        raise RequestRefused(405, "WebSocket begins with a GET", [("Allow", "GET")])
    if request.values("sec-websocket-version") != ["13"]:
        raise RequestRefused(426, "unable to upgrade: speak WebSocket version 13", [("Sec-WebSocket-Version", "13")])
    keys = request.values("sec-websocket-key")
    if len(keys) != 1:
        raise RequestRefused(400, "unable to upgrade: header Sec-WebSocket-Key does not exist in request")
    protocol = _first_common(request.values("sec-websocket-protocol") or [""], spoken)
    accept = generate_accept_token(keys[0].encode("latin-1")).decode("ascii")
    headers = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept))
    return Upgrade(True, protocol, (*headers, ("Sec-WebSocket-Protocol", protocol)) if protocol else headers)


def _websocket_protocols(target: ProcessTarget | PortTarget) -> tuple[str, ...]:
    """Ports that nobody has named cannot be given channels."""
    if isinstance(target, ProcessTarget):
        return _WEBSOCKET_COMMAND
    return (TUNNEL, *_WEBSOCKET_PORTS) if 0 < len(target.ports) <= _MOST_PORTS else (TUNNEL,)


def _first_common(offered: Sequence[str], spoken: Sequence[str]) -> str:
    """The client's order counts."""
    for protocol in offered:
        if protocol in spoken:
            return protocol
    named = [protocol for protocol in spoken if protocol]
    reason = f"unable to upgrade: the client offers {', '.join(offered) or 'none'}; spoken here: {', '.join(named)}"
    raise RequestRefused(403, reason, [(_ACCEPTED, protocol) for protocol in named])


def _not_an_upgrade() -> RequestRefused:
    return RequestRefused(400, "unable to upgrade: missing upgrade headers: use SPDY/3.1 or WebSocket")
