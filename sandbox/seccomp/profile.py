"""Seccomp profiles of a node, as other runtimes load them: whether the filter that every guest has already keeps one.

A profile names what a program may call. A WebAssembly guest calls nothing; its process calls what wasmtime needs, and
cannot do with less. So a profile is kept when it lets through all that the filter lets through, for the filter refuses
the rest anyhow; one that would refuse more cannot be kept.
"""

import json
from typing import Any

from sandbox.errors import InvalidSpec
from sandbox.seccomp.guest_policy import ALLOWED, CONDITIONAL
from sandbox.seccomp.socket_policy import NO_SOCKETS, SocketPolicy

_PERMISSIVE = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")


def refused_by(text: bytes, sockets: SocketPolicy = NO_SOCKETS) -> list[str]:
    """The system calls that guests may make and the profile refuses, always or depending on arguments.

    Raises InvalidSpec for what is no profile.
    """
    try:
        profile = json.loads(text)
        default = profile["defaultAction"] in _PERMISSIVE
        rules = profile.get("syscalls") or []
        needed = (*ALLOWED, *CONDITIONAL, *sockets.allowed, *sockets.conditional)
        return [name for name in needed if not _allows(name, rules, default)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidSpec(f"not a seccomp profile ({type(error).__name__}: {error})") from error


def _allows(name: str, rules: list[dict[str, Any]], default: bool) -> bool:
    matching = [rule for rule in rules if name in _names(rule)]
    if any(rule["action"] not in _PERMISSIVE for rule in matching):
        return False
    return default or any(_is_unconditional(rule) for rule in matching)


def _names(rule: dict[str, Any]) -> list[str]:
    """``name``: as profiles had it once."""
    return [*(rule.get("names") or []), rule.get("name") or ""]


def _is_unconditional(rule: dict[str, Any]) -> bool:
    return not any(rule.get(key) for key in ("args", "includes", "excludes"))
