"""JSON at the least cost in memory that a forked process no longer shares with its parent.

``json.dumps`` and ``json.loads`` build several objects for each call and look at types that no message here has; in a
process that lives for one pod each of them is a page or more that was shared before. What is written and read is
plain JSON all the same.
"""

import json
from json.encoder import encode_basestring_ascii as _quote
from typing import Any

_write_other = json.JSONEncoder(separators=(",", ":")).encode
_read = json.JSONDecoder().raw_decode


def write(value: Any) -> str:
    """ASCII only. Raises TypeError for what JSON has no form for."""
    if type(value) is str:
        return _quote(value)
    if type(value) is int:
        return str(value)
    if type(value) is dict:
        return "{" + ",".join([_quote(name) + ":" + write(item) for name, item in value.items()]) + "}"
    return _write_other(value)  # no forked process writes any of these


def read(text: str) -> Any:
    """The value that ``text`` begins with. Raises ValueError."""
    return _read(text)[0]
