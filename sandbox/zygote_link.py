"""The server's zygote: started by exec, asked over a socket pair, and replaced when it has died."""

import asyncio
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import structlog

from sandbox.errors import SandboxError
from sandbox.link import Link
from sandbox.socket_support import SocketSupport, try_sockets
from sandbox.specs import PodSpec, ProgramSpec

log = structlog.get_logger()

_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.path.append(sys.argv.pop(1)); "
    "from sandbox.zygote import main; main()"
)

_ENVIRONMENT = {
    "TOKIO_WORKER_THREADS": "1",
    # A guest process that takes the chunks cached before its fork makes pages all over the heap its own.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    # A name may have an address of each family in /etc/hosts: an image without an /etc/host.conf does not say so.
    "RESOLV_MULTI": "on",
}


class ZygoteLink:
    """One zygote at a time. A dead one is noticed at the next request, which a fresh one then serves."""

    def __init__(self, most_programs: int, warm: Callable[[], list[ProgramSpec]]) -> None:
        """``warm``: the programs that a fresh zygote loads, most recently used last."""
        self._most_programs = most_programs
        self._warm = warm
        self._link: Link | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._shims: list[list[str]] = []
        self.restarts = 0
        """Zygotes that were started in the place of a dead one."""
        self.sockets = SocketSupport("", "whether guests can use sockets is being tried out: try again")
        self._warming: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def open(self) -> None:
        self.sockets = await try_sockets(library_path())
        await self._living()

    async def close(self) -> None:
        """End the zygote. The pods that it forked live on."""
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is not None:
            await self._process.wait()

    async def fork(self, spec: PodSpec, *descriptors: int) -> int:
        """The pid of the new pod process. ``descriptors``: its socket, its folder, and its network namespace unless it
        is in the host's. Raises PodProcessGone when the zygote died of it, or during it."""
        link = await self._living()
        answer = await link.request("fork", descriptors, spec=spec._asdict())
        return int(answer["pid"])

    async def load(self, program: ProgramSpec) -> None:
        """Have the code ready for the pods to come. Only a head start: a pod process loads what it did not inherit."""
        await self._load(await self._living(), program)

    async def load_shim(self, paths: list[str]) -> None:
        """The same for the socket shim of guests that get one. ``paths``: of its front and its back."""
        if paths not in self._shims:
            link = await self._living()
            self._shims.append(paths)
            await self._load_shim(link, paths)

    async def _load_shim(self, link: Link, paths: list[str]) -> None:
        try:
            await link.request("load_shim", paths=paths)
        except SandboxError as error:
            log.warning("zygote could not load the socket shim", error=str(error))

    async def _load(self, link: Link, program: ProgramSpec) -> None:
        try:
            await link.request("load", program=program._asdict())
        except SandboxError as error:
            log.warning("zygote could not load a program", program=program.compiled, error=str(error))

    async def _living(self) -> Link:
        async with self._starting:
            if self._link is None or not self._link.is_open:
                self._link = await self._start()
                self._warming = asyncio.create_task(self._warm_up(self._link))
            return self._link

    async def _warm_up(self, link: Link) -> None:
        for program in self._warm():
            await self._load(link, program)
        for paths in self._shims:
            await self._load_shim(link, paths)

    async def _start(self) -> Link:
        if self._process is not None:
            self.restarts += 1
            log.warning("zygote has died, starting another", pid=self._process.pid)
            await self._process.wait()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno(), self._most_programs, self.sockets.places),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )
        return Link(ours, "zygote", lambda event: None, lambda: None)


def _command(connection: int, most_programs: int, places: str) -> list[str]:
    """A bare interpreter: no user's settings of Python reach the processes below, and of site-packages nothing is
    imported but the parser of HTTP."""
    package = Path(__file__).resolve().parent.parent
    words = [sys.executable, "-S", "-E", "-s", "-c", _START, package, _folder_of("httptools")]
    return [str(word) for word in (*words, connection, library_path(), most_programs, places)]


def library_path() -> Path:
    """wasmtime's library inside the installed distribution, which is not imported for it."""
    package = _folder_of("wasmtime") / "wasmtime"
    for library in package.glob("*/_libwasmtime.so"):
        return library
    raise SandboxError(f"{package} has no library for this machine: install the wheel of wasmtime that is made for it")


def _folder_of(package: str) -> Path:
    """Where an installed package is, which is not imported for it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SandboxError(f"distribution {package} is not installed: install wasmlet with its dependencies")
    return Path(spec.origin).parent.parent
