"""What a guest process may ask of the kernel for sockets, beside the rest: by what its guest does with them.

A module of WASI preview 1 uses listening sockets that it was given, and makes none. A component makes its own, of the
internet's families and protocols alone; what its pod does not let it do with them is refused here once more, below
WASI. A module that asks the host gets its sockets as a component does. Whoever connects looks names up as well, in its
own process: the C library's resolver asks by UDP.
"""

from typing import NamedTuple

from sandbox import network_access
from sandbox.seccomp.guest_policy import NAMED_PIPES, Cases, Condition, Rule


class SocketPolicy(NamedTuple):
    allowed: tuple[str, ...]
    conditional: dict[str, Rule | Cases]


_ALL_BITS = 0xFFFFFFFF
_POINTER = 0xFFFFFFFF_FFFFFFFF

_INET, _INET6 = 2, 10
_STREAM, _DATAGRAM = 1, 2
_SOCKET_OPTIONS = 0x80800
"""SOCK_CLOEXEC, SOCK_NONBLOCK."""
_ANY, _TCP, _UDP = 0, 6, 17
_MESSAGE_OPTIONS = 0x4040
"""MSG_NOSIGNAL, MSG_DONTWAIT. Not MSG_FASTOPEN, which connects."""

_OF_SOCKETS, _OF_IP, _OF_TCP, _OF_IPV6 = 1, 0, 6, 41
"""Levels of options."""
_REUSEADDR, _TYPE, _ERROR, _SNDBUF, _RCVBUF, _KEEPALIVE = 2, 3, 4, 7, 8, 9
_TTL, _RECVERR = 2, 11
_NODELAY, _KEEPIDLE, _KEEPINTVL, _KEEPCNT = 1, 4, 5, 6
_UNICAST_HOPS, _IPV6_RECVERR, _V6ONLY = 16, 25, 26


def _options(*of_sockets: int) -> Cases:
    """By level: those that WASI knows, and by which the resolver asks to hear of errors."""
    names = {
        _OF_SOCKETS: (_REUSEADDR, _SNDBUF, _RCVBUF, _KEEPALIVE, *of_sockets),
        _OF_IP: (_TTL, _RECVERR),
        _OF_TCP: (_NODELAY, _KEEPIDLE, _KEEPINTVL, _KEEPCNT),
        _OF_IPV6: (_UNICAST_HOPS, _IPV6_RECVERR, _V6ONLY),
    }
    return Cases(1, {level: Rule((Condition(2, _ALL_BITS, options),)) for level, options in names.items()})


def _sockets(kinds: tuple[int, ...], protocols: tuple[int, ...]) -> Rule:
    return Rule(
        (
            Condition(0, _ALL_BITS, (_INET, _INET6)),
            Condition(1, _ALL_BITS & ~_SOCKET_OPTIONS, kinds),
            Condition(2, _ALL_BITS, (_ANY, *protocols)),
        )
    )


_ALWAYS = ("getsockname", "getpeername", "recvfrom", "shutdown")
_OPTIONS: dict[str, Rule | Cases] = {"setsockopt": _options(), "getsockopt": _options(_TYPE, _ERROR)}
_TO_LISTEN = ("bind", "listen", "accept4")
_TO_CONNECT = ("connect", "uname")
"""The resolver may take the domain of a host's own name."""
_MESSAGE = Condition(3, _ALL_BITS & ~_MESSAGE_OPTIONS, (0,))
_TO_ASK: dict[str, Rule | Cases] = {
    "socket": _sockets((_STREAM, _DATAGRAM), (_TCP, _UDP)),
    "sendto": Rule((_MESSAGE,)),
    "sendmmsg": Rule((_MESSAGE,)),
}
_TO_ANSWER: dict[str, Rule | Cases] = {
    "socket": _sockets((_STREAM,), (_TCP,)),
    "sendto": Rule((_MESSAGE, Condition(4, _POINTER, (0,)))),
}

NO_SOCKETS = SocketPolicy((), {})
GIVEN_SOCKETS = SocketPolicy(("accept4", "recvfrom", "shutdown"), {})
"""Of a module with listening sockets."""

_OF_COMPONENTS = {
    network_access.FULL: SocketPolicy((*_ALWAYS, *_TO_LISTEN, *_TO_CONNECT), {**_OPTIONS, **_TO_ASK}),
    network_access.OUTBOUND: SocketPolicy((*_ALWAYS, *_TO_CONNECT), {**_OPTIONS, **_TO_ASK}),
    network_access.INBOUND: SocketPolicy((*_ALWAYS, *_TO_LISTEN), {**_OPTIONS, **_TO_ANSWER}),
    network_access.NONE: NO_SOCKETS,
}

TO_SERVE = (*GIVEN_SOCKETS.allowed, "timerfd_settime")
"""Of a worker that gives requests to a component: a thread of it that waits is woken by a timer."""
MADE_TO_SERVE: dict[str, Rule | Cases] = {"mknodat": NAMED_PIPES}
"""What bodies go through."""


def _asking(policy: SocketPolicy, *answers: str) -> SocketPolicy:
    return SocketPolicy(tuple(sorted({*policy.allowed, *GIVEN_SOCKETS.allowed, *answers})), policy.conditional)


CHANGE_OF_MODE = "fchmod"
CHANGES_OF_MODE = (CHANGE_OF_MODE, "fchmodat")
"""A profile that refuses one of them means what the other does, too."""
_OF_ASKERS = {
    changes_modes: {
        access: _asking(policy, "statfs", *([CHANGE_OF_MODE] if changes_modes else []))
        for access, policy in _OF_COMPONENTS.items()
    }
    for changes_modes in (True, False)
}

ALL = (GIVEN_SOCKETS, *_OF_COMPONENTS.values(), *_OF_ASKERS[True].values(), *_OF_ASKERS[False].values())


def policy_of(
    access: str,
    opens_sockets: bool,
    calls_http: bool,
    listens: bool,
    asks_host: bool = False,
    changes_modes: bool = True,
) -> SocketPolicy:
    """``access``: one of ``network_access.ALL``; ``opens_sockets``: of a component that makes its own; ``calls_http``:
    of one for which HTTP calls are made; ``listens``: of a module that is given some; ``asks_host``: of one to which
    the host gives answers, and sockets too; ``changes_modes``: for such a one, of files."""
    if asks_host:
        return _OF_ASKERS[changes_modes][access]
    if opens_sockets:
        return _OF_COMPONENTS[access]
    if calls_http and network_access.calls_out(access):
        return _OF_COMPONENTS[network_access.OUTBOUND]
    return GIVEN_SOCKETS if listens else NO_SOCKETS


def serving(policy: SocketPolicy) -> SocketPolicy:
    """Of a worker whose guests have ``policy``."""
    allowed = tuple(dict.fromkeys((*policy.allowed, *TO_SERVE)))
    return SocketPolicy(allowed, {**policy.conditional, **MADE_TO_SERVE})
