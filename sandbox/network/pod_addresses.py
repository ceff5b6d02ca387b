"""The addresses of pods: one of each family that the network serves. No I/O."""

from collections.abc import Iterable, Sequence

from sandbox.errors import SandboxError
from sandbox.network.addresses import AddressBook, Interface, Lease, Network


class PodAddresses:
    """A book for each family; new pods get an address of each family that is served, in that order.

    A pod's two addresses are as far behind the first of their ranges as each other, where both ranges have room: so one
    goes with the other, and both with the hardware address that neighbours remember.
    """

    def __init__(self) -> None:
        self._books = {4: AddressBook(), 6: AddressBook()}
        self._served: list[AddressBook] = []

    @property
    def used_ranges(self) -> set[Network]:
        """Those that somebody holds an address of."""
        return self._books[4].used_ranges | self._books[6].used_ranges

    @property
    def holders(self) -> set[str]:
        return self._books[4].holders | self._books[6].holders

    def use(self, networks: Sequence[Network]) -> None:
        """Give addresses of these ranges from now on: one for each family, that of a pod's first address first."""
        for network in networks:
            self._books[network.version].use(network)
        self._served = [self._books[network.version] for network in networks]

    def take(self, holder: str) -> list[Lease]:
        """All of them or none. Raises SandboxError when a range has none left, or the holder has one."""
        if not self._served:
            raise SandboxError(f"pod sandbox {holder} gets no address: the network has no range yet; see its condition")
        leases: list[Lease] = []
        for book in self._served:
            try:
                leases.append(book.take(holder, _offset(leases[0].interface) if leases else 0))
            except SandboxError:
                for taken_from in self._served[: len(leases)]:
                    taken_from.release(holder)
                raise
        return leases

    def hold(self, holder: str, interfaces: Iterable[Interface]) -> None:
        """The holder has these already."""
        for interface in interfaces:
            self._books[interface.version].hold(holder, interface)

    def release(self, holder: str) -> None:
        """Idempotent."""
        for book in self._books.values():
            book.release(holder)


def _offset(interface: Interface) -> int:
    return int(interface.ip) - int(interface.network.network_address)
