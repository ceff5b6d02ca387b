"""How exec and attach tell their end, on the error stream."""

import json
from typing import Any

_PLAIN = ("", "channel.k8s.io", "base64.channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io")
"""Protocols without structure: the text of a failure, and nothing when there is none."""


def exited(protocol: str, code: int) -> bytes:
    """``code``: 0 to 255."""
    if not code:
        return b"" if protocol in _PLAIN else _status("Success")
    message = f"command terminated with non-zero exit code: exit status {code}"
    if protocol in _PLAIN:
        return message.encode()
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return _status("Failure", message=message, reason="NonZeroExitCode", details={"causes": causes})


def failed(protocol: str, reason: str) -> bytes:
    message = f"Internal error occurred: {reason}"
    if protocol in _PLAIN:
        return message.encode()
    return _status(
        "Failure", message=message, reason="InternalError", details={"causes": [{"message": reason}]}, code=500
    )


def _status(outcome: str, **fields: Any) -> bytes:
    """A metav1.Status of Kubernetes."""
    return json.dumps({"metadata": {}, "status": outcome, **fields}, separators=(",", ":")).encode()
