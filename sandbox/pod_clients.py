"""What clients of a pod process have going on in it: guests that they execute, containers that they watch.

Both are known by the connection that asked for them and the number that the client gave them, and end with the
connection: what reads their streams has gone, too.
"""

from collections.abc import Callable
from functools import partial

from sandbox import control
from sandbox.attachment import Attachment
from sandbox.errors import GuestGone, SandboxError, StartFailure
from sandbox.exec_guest import ExecGuest
from sandbox.pod_container import PodContainer
from sandbox.spare_guest import Spares
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Loaded

_MESSAGE_CHARACTERS = 4000
"""So that it fits a packet, however it is encoded."""

Send = Callable[[int, control.Message], None]


class PodClients:
    """``send``: a message to a connection."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._spares = Spares()
        self._execs: dict[tuple[int, int], ExecGuest] = {}
        self._attached: dict[tuple[int, int], tuple[PodContainer, Attachment]] = {}

    def execute(
        self,
        connection: int,
        request: control.Message,
        pod: Surroundings,
        container: PodContainer,
        spec: GuestSpec,
        loaded: Loaded,
        files: dict[str, int],
    ) -> None:
        """Answered when it runs, or failed to. What it takes of ``files`` it removes. Raises as
        ``PodContainer.execute``."""
        key = (connection, request["exec"])
        told = partial(self._tell_end, key, request["id"], container)
        guest = ExecGuest(pod, self._spares, spec, partial(self._tell_start, key, request["id"]), told)
        container.execute(guest, loaded, files)
        self._execs[key] = guest

    def end(self, connection: int, number: int) -> None:
        guest = self._execs.get((connection, number))
        if guest is not None:
            guest.kill()

    def attach(self, connection: int, request: control.Message, container: PodContainer, files: dict[str, int]) -> None:
        """Raises as ``PodContainer.attach``."""
        key = (connection, request["attach"])
        attachment = Attachment(partial(self._tell_detached, key))
        container.attach(attachment, files, partial(self._tell_input_end, key))
        self._attached[key] = (container, attachment)

    def detach(self, connection: int, number: int) -> None:
        found = self._attached.pop((connection, number), None)
        if found is not None:
            container, attachment = found
            container.detach(attachment)

    def forget(self, connection: int) -> None:
        """It is closed, and its number may soon be another one's."""
        for key in [key for key in self._execs if key[0] == connection]:
            self._execs.pop(key).kill()
        for key in [key for key in self._attached if key[0] == connection]:
            self.detach(*key)

    def end_spare(self) -> None:
        """There is no client who could execute anything soon."""
        self._spares.end()

    def _tell_start(self, key: tuple[int, int], request: int, guest: ExecGuest) -> None:
        if self._execs.get(key) is guest:
            self._send(key[0], {"id": request, "pid": guest.pid})

    def _tell_end(self, key: tuple[int, int], request: int, container: PodContainer, guest: ExecGuest) -> None:
        container.forget(guest)
        if self._execs.get(key) is not guest:
            return  # its client has gone
        del self._execs[key]
        if guest.started_at:
            self._send(key[0], {"event": "exec_ended", "exec": key[1], "exit_code": guest.exit_code})
            if not container.run.finished_at:
                guest.leave_spare()
        else:
            error = _failure(container, guest)
            text = str(error)[:_MESSAGE_CHARACTERS]
            self._send(key[0], {"id": request, "error": type(error).__name__, "message": text})

    def _tell_detached(self, key: tuple[int, int], attachment: Attachment, reason: str) -> None:
        found = self._attached.get(key)
        if found is not None and found[1] is attachment:
            del self._attached[key]
            found[0].detach(attachment)
            self._send(key[0], {"event": "detached", "attach": key[1], "reason": reason})

    def _tell_input_end(self, key: tuple[int, int]) -> None:
        """A client that was killed ends its input as well, but takes no notice any more."""
        self._send(key[0], {"event": "input_ended", "attach": key[1]})


def _failure(container: PodContainer, guest: ExecGuest) -> SandboxError:
    """Of a guest that has not started."""
    if container.run.finished_at:
        return GuestGone(f"container {guest.spec.container_id} has ended meanwhile: start another one")
    return StartFailure(
        f"{guest.spec.argv[0]} cannot be executed in container {guest.spec.container_id}: {guest.message}"
    )
