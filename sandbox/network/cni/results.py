"""What plugins answer: results of every version of CNI, and errors. No I/O."""

import json
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, NamedTuple

from sandbox.errors import SandboxError
from sandbox.network.cni.invocation import Invocation, Result
from sandbox.network.names import POD_INTERFACE

_MOST_TEXT = 2000
"""Characters of an answer in an error."""


class PluginFailed(SandboxError):
    """A plugin answered with an error, with nonsense, or not at all."""


class Address(NamedTuple):
    interface: IPv4Interface | IPv6Interface
    gateway: str
    """"" if none is told."""


def parse_result(invocation: Invocation, output: bytes) -> Result:
    """The answer to ADD. Raises PluginFailed."""
    try:
        found = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise _nonsense(invocation, output) from error
    if not isinstance(found, dict):
        raise _nonsense(invocation, output)
    return found


def failure(invocation: Invocation, status: int, output: bytes, errors: bytes) -> PluginFailed:
    """Of a plugin that ended with this status."""
    told = _told(output) or _text(errors) or _text(output) or f"it ended with status {status} and told no reason"
    return PluginFailed(f"{subject(invocation)} failed: {told}")


def subject(invocation: Invocation) -> str:
    return f"{invocation.verb} by plugin {invocation.plugin} of CNI network {invocation.network}"


def addresses(result: Result) -> list[Address]:
    """The pod's own, IPv4 first. Raises SandboxError for a result that cannot be read."""
    try:
        found = [_address(fields) for fields in _address_fields(result)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SandboxError(f"CNI result {_text(json.dumps(result).encode())} cannot be read: {error}") from error
    return sorted(found, key=lambda address: address.interface.version)


def _address_fields(result: Result) -> list[dict[str, Any]]:
    """CNI 0.3.0: any number of ``ips``; before, ``ip4`` and ``ip6``."""
    if "ip4" in result or "ip6" in result:
        older = [result[key] for key in ("ip4", "ip6") if result.get(key)]
        return [{"address": each["ip"], "gateway": each.get("gateway")} for each in older]
    interfaces = result.get("interfaces") or []
    return [fields for fields in result.get("ips") or [] if _is_pods(fields, interfaces)]


def _is_pods(fields: dict[str, Any], interfaces: list[dict[str, Any]]) -> bool:
    index = fields.get("interface")
    if index is None or not interfaces:
        return True
    interface = interfaces[index]
    return bool(interface.get("sandbox")) and interface.get("name") == POD_INTERFACE


def _address(fields: dict[str, Any]) -> Address:
    gateway = fields.get("gateway") or ""
    return Address(ip_interface(fields["address"]), str(ip_address(gateway)) if gateway else "")


def _told(output: bytes) -> str:
    """CNI: an error has code, msg and details."""
    try:
        fields = json.loads(output)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(fields, dict) or not fields.get("msg"):
        return ""
    details = f"; {fields['details']}" if fields.get("details") else ""
    return f"{fields['msg']}{details} (code {fields.get('code', 'not told')})"


def _nonsense(invocation: Invocation, output: bytes) -> PluginFailed:
    return PluginFailed(f"{subject(invocation)} answered no JSON object but {_text(output)!r}: mend the plugin")


def _text(raw: bytes) -> str:
    return " ".join(raw.decode("utf-8", "replace").split())[:_MOST_TEXT]
