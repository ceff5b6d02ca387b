"""What is known of a compiled program: a small file beside its code, written last, so that it stands for both."""

import json
from typing import Any, NamedTuple

from image_store.image import Kind

_VERSION = 5


class Facts(NamedTuple):
    kind: Kind
    unmet_imports: tuple[str, ...]
    entries: tuple[str, ...]
    """Functions of a module that a container can start."""
    is_command: bool
    """A module: it exports ``_start``; a component: ``wasi:cli/run``."""
    accepts: bool
    """A module of WASI preview 1 that imports the function by which listening sockets are used."""
    asks_host: bool
    """A module that imports functions of wasmlet's own."""
    opens_sockets: bool
    """A component that imports of ``wasi:sockets`` what it takes to speak."""
    calls_http: bool
    """A component that imports outgoing ``wasi:http``."""
    begins_early: bool
    """A module with a start section."""
    handles_http: bool
    """A component that is no command and exports ``wasi:http/incoming-handler``."""
    code_digest: str
    """Of the compiled code."""

    def encoded(self) -> bytes:
        return json.dumps({"version": _VERSION, **self._asdict()}).encode()

    @classmethod
    def decoded(cls, data: bytes) -> "Facts":
        """Raises ValueError for a file of another version or with another content."""
        fields: Any = json.loads(data)
        if not isinstance(fields, dict) or fields.pop("version", None) != _VERSION or set(fields) != set(cls._fields):
            raise ValueError("not the facts of a program")
        for name in ("unmet_imports", "entries"):
            fields[name] = tuple(fields[name])
        return cls(**fields)

    @property
    def can_start(self) -> bool:
        return not self.unmet_imports and (self.is_command or self.handles_http)

    def has_entry(self, entry: str) -> bool:
        if entry == COMMAND_ENTRY:
            return self.is_command
        return entry in self.entries


COMMAND_ENTRY = "_start"
