"""Amounts as Kubernetes writes them: ``10M``, ``1.5Gi``, ``3e6``. No I/O."""

import re
from decimal import ROUND_CEILING, Decimal

from sandbox.errors import InvalidSpec

_WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_MOST_CHARACTERS = 64
_POWERS_OF_TEN = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_POWERS_OF_1024 = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def parse_quantity(text: str) -> int:
    """The amount, rounded up. Raises InvalidSpec."""
    written = _WRITTEN.fullmatch(text) if len(text) <= _MOST_CHARACTERS else None
    if written is None:
        raise InvalidSpec(f"{text!r} is no quantity: write it as in 10M or 1.5Gi")
    number, exponent, suffix = written.groups()
    factor = Decimal(1024) ** _POWERS_OF_1024[suffix] if suffix in _POWERS_OF_1024 else _power(exponent, suffix)
    return int((Decimal(number) * factor).to_integral_value(ROUND_CEILING))


def _power(exponent: str | None, suffix: str | None) -> Decimal:
    return Decimal(10) ** (int(exponent) if exponent else _POWERS_OF_TEN.get(suffix or "", 0))
