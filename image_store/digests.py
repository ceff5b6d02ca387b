"""Digests: ``sha256:`` and 64 hexadecimal digits."""

import hashlib
import re
from pathlib import Path

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def is_hex(text: str) -> bool:
    """The part after ``sha256:``."""
    return _HEX.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    return digest.removeprefix("sha256:")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_file(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def chain_id(diff_ids: tuple[str, ...]) -> str:
    """The name of a stack of layers, lowest first, as the OCI image specification defines it."""
    chain = diff_ids[0]
    for diff_id in diff_ids[1:]:
        chain = digest_of(f"{chain} {diff_id}".encode())
    return chain
