"""Whether a module has a start section: a function that runs when it is instantiated, before any can be called."""

_HEADER_BYTES = 8
_START = 8
_BITS, _MORE = 7, 0x80


def has_start_section(wasm: bytes) -> bool:
    """``wasm``: a module that is valid."""
    place = _HEADER_BYTES
    while place < len(wasm):
        kind = wasm[place]
        if kind == _START:
            return True
        size, place = _number(wasm, place + 1)
        place += size
    return False


def _number(wasm: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = wasm[place]
        value |= (byte & ~_MORE) << shift
        place, shift = place + 1, shift + _BITS
        if not byte & _MORE:
            return value, place
