"""What a pod's annotations ask of its network. No I/O."""

from collections.abc import Mapping

from sandbox.errors import InvalidSpec, NotSupported
from sandbox.network.quantity import parse_quantity

INGRESS, EGRESS = "kubernetes.io/ingress-bandwidth", "kubernetes.io/egress-bandwidth"
"""Kubernetes' own: how much the pod receives and sends."""
IPS, MAC, ALIASES = "wasmlet.dev/ips", "wasmlet.dev/mac", "wasmlet.dev/aliases"
"""For CNI plugins that have the capability."""

_RATES = range(1000, 10**15 + 1)
"""Bits per second (Kubernetes: the bounds of its annotations)."""


def rate(annotations: Mapping[str, str], annotation: str) -> int | None:
    """Bits per second, None if there is no such annotation. Raises InvalidSpec."""
    if annotation not in annotations:
        return None
    text = annotations[annotation]
    try:
        wanted = parse_quantity(text)
    except InvalidSpec as error:
        raise InvalidSpec(f"annotation {annotation}: {error}") from error
    if wanted not in _RATES:
        raise InvalidSpec(f"annotation {annotation} asks for {text} bits per second: choose from 1k to 1P")
    return wanted


def check_for_own_network(pod: str, annotations: Mapping[str, str]) -> None:
    """Raises NotSupported for what only CNI plugins can give."""
    for annotation in (IPS, MAC, ALIASES):
        if annotation in annotations:
            raise NotSupported(
                f"pod {pod} has the annotation {annotation}, which wasmlet's own network does not honour: remove it, "
                "or use a CNI network whose plugins do"
            )
