"""Names are reserved before any work: of two requests for one (name, attempt) only one goes on.

A reservation ends when the creation fails or is given up, and when the object is removed; never when it is stopped.
"""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import NameReserved


def sandbox_name(metadata: cri.PodSandboxMetadata) -> str:
    return f"{metadata.name}_{metadata.namespace}_{metadata.uid}_{metadata.attempt}"


def container_name(metadata: cri.ContainerMetadata, sandbox: cri.PodSandboxMetadata) -> str:
    return f"{metadata.name}_{sandbox.name}_{sandbox.namespace}_{sandbox.uid}_{metadata.attempt}"


class Names:
    """``kind`` names the objects in errors."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._holders: dict[str, str] = {}

    def reserve(self, name: str, holder: str) -> None:
        """Raises NameReserved. The same holder may ask again."""
        present = self._holders.setdefault(name, holder)
        if present != holder:
            raise NameReserved(
                f'failed to reserve {self._kind} name "{name}": name "{name}" is reserved for "{present}"; '
                "remove that one or raise the attempt"
            )

    def release(self, name: str, holder: str) -> None:
        """Nothing happens when another one holds the name."""
        if self._holders.get(name) == holder:
            del self._holders[name]
