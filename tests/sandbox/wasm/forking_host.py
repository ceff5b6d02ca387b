"""A slim process that forks guests, as a zygote and its pod processes do.

Its argument is a JSON object (see ``conftest.Host.run``); one JSON object a guest goes to descriptor 3.
"""

import json
import os
import sys
from typing import Any

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.wasm import guest
from sandbox.wasm.engine import Engine

OUTCOMES = 3


def main() -> None:
    request = json.loads(sys.argv[1])
    try:
        loaded = Engine(request["library"]).load(request["kind"], request["compiled"], request["entry"])
        if request["lacks_place"]:
            loaded.memory_limit = 0
        prepared = [guest.prepare(loaded, setup(request)) for _ in range(request["times"])]
    except SandboxError as error:
        tell({"failure": str(error)})
        return
    for each in prepared:
        fork(request["levels"], each)


def setup(request: dict[str, Any]) -> guest.WasiSetup:
    return guest.WasiSetup(
        argv=[os.fsencode(word) for word in request["argv"]],
        env=[(os.fsencode(name), os.fsencode(value)) for name, value in request["env"]],
        preopens=[tuple(preopen) for preopen in request["preopens"]],
        memory_limit=request["memory_limit"],
        denies_calls=request["denies_calls"],
    )


def fork(levels: int, prepared: guest.Prepared) -> None:
    """The guest is the last of so many generations."""
    pid = syscalls.fork()
    if pid == 0 and levels > 1:
        fork(levels - 1, prepared)
        os._exit(0)
    elif pid == 0:
        become_guest(prepared)
    os.waitpid(pid, 0)


def become_guest(prepared: guest.Prepared) -> None:
    try:
        outcome = guest.run(guest.instantiate(prepared))
    except SandboxError as error:
        tell({"failure": str(error)})
        os._exit(128)
    tell({"exit_code": outcome.exit_code, "message": outcome.message})
    os._exit(outcome.exit_code)


def tell(answer: dict[str, Any]) -> None:
    os.write(OUTCOMES, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
