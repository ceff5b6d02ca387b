"""The nfnetlink messages that tables, chains, rules and maps of nf_tables are made with. No I/O.

Pods wait for them, and of what is needed here pyroute2 encodes some only.
"""

import struct
from typing import NamedTuple

from sandbox.network.netlink import NLM_F_CREATE, EncodedMessage
from sandbox.network.netlink_attributes import attribute, nested, text

_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEWTABLE, _GETTABLE, _DELTABLE = 0, 1, 2
_NEWCHAIN, _NEWRULE, _DELRULE, _NEWSET = 3, 6, 8, 9
_NEWSETELEM, _DELSETELEM = 12, 14
_NLM_F_APPEND = 0x800

_LIST_ELEMENT = 1
_SET_IS_MAP = 0x8

EQUAL, NOT_EQUAL = 0, 1
META_MARK, META_INPUT_NAME, META_OUTPUT_NAME, META_PROTOCOL = 3, 6, 7, 16
DROP, RETURN = 0, -5
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
REGISTERS = range(8, 24)
"""Of four bytes each; longer values take several in a row."""
_VERDICT_REGISTER = 0
_FIB_DESTINATION, _FIB_ADDRESS_TYPE = 2, 3
_DESTINATION_TRANSLATION = 1
_INTERFACE_NAME_BYTES = 16


class Hook(NamedTuple):
    kind: str
    """``nat`` or ``filter``."""
    number: int
    priority: int


class Table:
    """Messages about one table."""

    def __init__(self, family: int, name: str) -> None:
        self._family = family
        self._name = text(1, name)

    def get(self) -> EncodedMessage:
        return self._message(_GETTABLE, 0)

    def add(self) -> EncodedMessage:
        """Nothing happens if it is there."""
        return self._message(_NEWTABLE, NLM_F_CREATE)

    def delete(self) -> EncodedMessage:
        return self._message(_DELTABLE, 0)

    def add_chain(self, name: str, hook: Hook) -> EncodedMessage:
        """Nothing happens if it is there."""
        where = nested(4, _number(1, hook.number), _number(2, hook.priority))
        return self._message(_NEWCHAIN, NLM_F_CREATE, text(3, name), where, text(7, hook.kind))

    def empty_chain(self, name: str) -> EncodedMessage:
        return self._message(_DELRULE, 0, text(2, name))

    def add_rule(self, chain: str, *expressions: bytes) -> EncodedMessage:
        return self._message(_NEWRULE, NLM_F_CREATE | _NLM_F_APPEND, text(2, chain), nested(4, *expressions))

    def add_map(self, name: str, number: int, key: tuple[int, int], value: tuple[int, int]) -> EncodedMessage:
        """Key and value: what the nft program takes them for, and their bytes. Nothing happens if it is there.

        ``number``: the table's maps that are made in one transaction have different ones.
        """
        kinds = [_number(4, key[0]), _number(5, key[1]), _number(6, value[0]), _number(7, value[1])]
        return self._message(_NEWSET, NLM_F_CREATE, text(2, name), _number(3, _SET_IS_MAP), *kinds, _number(10, number))

    def empty_map(self, name: str) -> EncodedMessage:
        return self._message(_DELSETELEM, 0, text(2, name))

    def add_elements(self, name: str, *elements: bytes) -> EncodedMessage:
        return self._message(_NEWSETELEM, NLM_F_CREATE, text(2, name), nested(3, *elements))

    def delete_elements(self, name: str, *keys: bytes) -> EncodedMessage:
        elements = [nested(_LIST_ELEMENT, nested(1, attribute(1, key))) for key in keys]
        return self._message(_DELSETELEM, 0, text(2, name), nested(3, *elements))

    def _message(self, number: int, flags: int, *attributes: bytes) -> EncodedMessage:
        return _message(_SUBSYSTEM << 8 | number, flags, self._family, 0, self._name, *attributes)


def begin() -> EncodedMessage:
    return _message(_BATCH_BEGIN, 0, 0, _SUBSYSTEM)


def end() -> EncodedMessage:
    return _message(_BATCH_END, 0, 0, _SUBSYSTEM)


def element(key: bytes, value: bytes) -> bytes:
    """Of a map."""
    return nested(_LIST_ELEMENT, nested(1, attribute(1, key)), nested(2, attribute(1, value)))


# ---- expressions of a rule ------------------------------------------------------------------------------------------


def load_meta(key: int, register: int = REGISTERS[0]) -> bytes:
    return _expression("meta", _number(1, register), _number(2, key))


def set_mark(register: int = REGISTERS[0]) -> bytes:
    return _expression("meta", _number(2, META_MARK), _number(3, register))


def load_packet(header: int, offset: int, length: int, register: int = REGISTERS[0]) -> bytes:
    return _expression("payload", _number(1, register), _number(2, header), _number(3, offset), _number(4, length))


def load_destination_type() -> bytes:
    """What the routes say of the packet's destination, a ``RTN_*`` of rtnetlink(7)."""
    kind, flags = _number(2, _FIB_ADDRESS_TYPE), _number(3, _FIB_DESTINATION)
    return _expression("fib", _number(1, REGISTERS[0]), kind, flags)


def mask(value: bytes, toggled: bytes = b"") -> bytes:
    """Keep the bits of ``value``, then toggle those of ``toggled``."""
    kept, changed = nested(4, attribute(1, value)), nested(5, attribute(1, toggled or bytes(len(value))))
    both = _number(1, REGISTERS[0]) + _number(2, REGISTERS[0])
    return _expression("bitwise", both, _number(3, len(value)), kept, changed)


def compare(operation: int, value: bytes) -> bytes:
    return _expression("cmp", _number(1, REGISTERS[0]), _number(2, operation), nested(3, attribute(1, value)))


def compare_interface(operation: int, name: str) -> bytes:
    return compare(operation, name.encode().ljust(_INTERFACE_NAME_BYTES, b"\0"))


def look_up(name: str, register: int) -> bytes:
    """The value of the key that is loaded; without one the rule ends here."""
    return _expression("lookup", text(1, name), _number(2, REGISTERS[0]), _number(3, register))


def translate_destination(family: int, address_register: int, port_register: int) -> bytes:
    kind = _number(1, _DESTINATION_TRANSLATION) + _number(2, family)
    return _expression("nat", kind, _number(3, address_register), _number(5, port_register))


def masquerade() -> bytes:
    return _expression("masq")


def verdict(code: int) -> bytes:
    value = nested(2, nested(2, attribute(1, struct.pack(">i", code))))
    return _expression("immediate", _number(1, _VERDICT_REGISTER), value)


# ---- encoding -------------------------------------------------------------------------------------------------------


def _expression(name: str, *settings: bytes) -> bytes:
    return nested(_LIST_ELEMENT, text(1, name), nested(2, *settings))


def _message(number: int, flags: int, family: int, resource: int, *attributes: bytes) -> EncodedMessage:
    return EncodedMessage(number, flags, struct.pack(">BBH", family, 0, resource) + b"".join(attributes))


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))
