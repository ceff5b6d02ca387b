"""A command that makes one HTTP call and tells what came back: ``call_out METHOD URL [NAME=VALUE ...]``.

``body``: bytes to send, all of them ``x``. ``connect``, ``first_byte``, ``between_bytes``: milliseconds of patience.
``times``: calls to make, one after the other; ``goes_on``: after one that was refused, too.
"""

import hashlib
import sys

from http_calls import PIECE, Refused, call
from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        method, url, *others = sys.argv[1:]
        options = dict(each.split("=", 1) for each in others)
        numbers = {name: int(value) for name, value in options.items()}
        timeouts = tuple(numbers.get(name, 0) for name in ("connect", "first_byte", "between_bytes"))
        for _ in range(numbers.get("times", 1)):
            if not _call(method, url, numbers.get("body", 0), timeouts) and not numbers.get("goes_on"):
                sys.exit(1)


def _call(method: str, url: str, size: int, timeouts: tuple[int, ...]) -> bool:
    body = (b"x" * min(PIECE, size - start) for start in range(0, size, PIECE))
    received, digest, start = 0, hashlib.sha256(), b""
    try:
        answer = call(method, url, body=body, timeouts=timeouts)
        print("status", answer.status)
        for name, value in answer.headers:
            print("header", name, value.decode())
        for piece in answer.read():
            received += len(piece)
            digest.update(piece)
            start = start or piece[:200]
    except Refused as error:
        print("refused", error, flush=True)
        return False
    print("body", received, digest.hexdigest(), ascii(start.decode(errors="replace")))
    for name, value in answer.trailers:
        print("trailer", name, value.decode())
    sys.stdout.flush()
    return True
