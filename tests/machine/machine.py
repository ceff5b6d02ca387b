"""The emulated machine: booted, told what to run, powered off; and nothing left of it.

No hardware virtualisation is needed; it is about twelve times slower than the machine it runs on.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.machine.disk import PORT, Disk
from tests.prerequisites import require_tool

_SECONDS_TO_BOOT = 3000
_SECONDS_TO_RUN = 3000
_SECONDS_TO_END = 600
_MEMORY = "2G"
_PROCESSORS = 2


class Ran(NamedTuple):
    status: int
    out: str
    err: str


class Machine:
    def __init__(self, disk: Disk, console: Path) -> None:
        """``console``: where what the kernel says is kept. Skips the test without the emulator."""
        self._emulator = require_tool("qemu-system-x86_64")
        self._disk = disk
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._answers: Any = None

    def boot(self) -> None:
        """Return when the machine takes commands; its services may still be starting."""
        self._line, theirs = socket.socketpair()
        self._line.settimeout(_SECONDS_TO_BOOT)
        self._answers = self._line.makefile("rb")
        with theirs, self._console.open("ab") as console:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._receive()
        self._line.settimeout(_SECONDS_TO_RUN)

    def try_to_run(self, *command: str, input: str = "") -> Ran:
        assert self._line is not None, "the machine is off"
        self._line.sendall(json.dumps({"argv": command, "input": input}).encode() + b"\n")
        return Ran(**self._receive())

    def run(self, *command: str, input: str = "") -> str:
        """What it prints, without the last newline. It has to succeed."""
        ran = self.try_to_run(*command, input=input)
        assert ran.status == 0, f"{' '.join(command)} ended with {ran.status}: {ran.err}{ran.out}"
        return ran.out.removesuffix("\n")

    def read(self, path: str) -> str:
        return self.run("cat", path)

    def write(self, path: str, text: str) -> None:
        self.run("tee", path, input=text)

    def power_off(self) -> None:
        """As its administrator does it. Returns when it is off."""
        self.run("systemctl", "poweroff")
        assert self._process is not None
        assert self._process.wait(_SECONDS_TO_END) == 0, self.console()
        self._forget()

    def end(self) -> None:
        """At once, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def console(self) -> str:
        return self._console.read_text(errors="replace")

    def _forget(self) -> None:
        self._process = None
        if self._line is not None:
            self._answers.close()
            self._line.close()
            self._line = None

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._answers.readline()
        except TimeoutError:
            line = b""
        assert line, f"the machine does not answer:\n{self.console()[-4000:]}"
        message: dict[str, Any] = json.loads(line)
        return message

    def _command(self, line: int) -> list[str]:
        options = {
            "accel": "tcg,thread=single",  # with a thread for each processor a kernel that patches its code may crash
            "cpu": "max",
            "smp": str(_PROCESSORS),
            "m": _MEMORY,
            "kernel": str(self._disk.kernel),
            "initrd": str(self._disk.initial_ramdisk),
            # A machine that seldom gets its turn would fail the kernel's check of its timer, and panic.
            "append": "root=/dev/vda rw console=ttyS0 quiet audit=0 panic=-1 no_timer_check",
            "drive": f"file={self._disk.image},format=raw,if=virtio,cache=unsafe",
            "chardev": f"socket,id=line,fd={line}",
            "nic": "none",
            "serial": "stdio",
            "display": "none",
            "monitor": "none",
        }
        devices = ["-device", "virtio-serial", "-device", f"virtserialport,chardev=line,name={PORT}"]
        words = [word for name, value in options.items() for word in (f"-{name}", value)]
        return [str(self._emulator), *words, *devices, "-no-reboot", "-nodefaults"]


@contextmanager
def booted(disk: Disk, folder: Path) -> Iterator[Machine]:
    machine = Machine(disk, folder / "console.log")
    try:
        machine.boot()
        yield machine
    finally:
        machine.end()
