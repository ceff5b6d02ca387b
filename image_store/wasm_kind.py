"""What a file is, by its first bytes: WebAssembly, or something this runtime does not run."""

import struct

from image_store.image import Kind

HEADER_BYTES = 64
MAGIC = b"\0asm"

_KINDS: dict[bytes, Kind] = {
    b"\0asm\x01\0\0\0": "module",
    b"\0asm\x0d\0\x01\0": "component",
}
_ELF = b"\x7fELF"
_ELF_OF_WASMTIME = 200
_MACHINES = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64", 21: "ppc64le", 22: "s390x"}
_TEXT = (b"(module", b"(component", b"(;", b";;")


def kind_of(header: bytes) -> Kind | None:
    return _KINDS.get(header[:8])


def is_text(name: str, header: bytes) -> bool:
    """WebAssembly in its text form, which only a name tells from other texts."""
    return name.endswith(".wat") and header.lstrip().startswith(_TEXT)


def is_precompiled(header: bytes) -> bool:
    """Native code that wasmtime made of WebAssembly."""
    return header.startswith(_ELF) and len(header) > 7 and header[7] == _ELF_OF_WASMTIME


def other_kind(header: bytes) -> str:
    """What it is, for people, when it is not WebAssembly."""
    if is_precompiled(header):
        return "precompiled WebAssembly, which is native code from elsewhere"
    if header.startswith(_ELF):
        return f"a native linux/{_machine(header)} executable"
    if header.startswith(b"#!"):
        interpreter = header[2:].split(b"\n", 1)[0].strip().decode("utf-8", "replace")
        return f"a script for {interpreter or 'an unknown interpreter'}"
    if header.startswith(b"MZ"):
        return "a native windows executable"
    if header.startswith(MAGIC):
        return "WebAssembly of an unknown version"
    return "not WebAssembly" if header else "an empty file"


def _machine(header: bytes) -> str:
    if len(header) < 20:
        return "unknown"
    order = ">" if header[5] == 2 else "<"
    (number,) = struct.unpack_from(f"{order}H", header, 18)
    return _MACHINES.get(number, f"machine-{number}")
