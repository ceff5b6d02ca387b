"""What the server itself refuses. ``rpc_error`` alone turns these and those of the layers below into gRPC status.

ServerError
├── InvalidRequest      the request is malformed or contradicts itself
├── UnknownObject       no sandbox, container or image of that id
├── NameReserved        another object has the name
├── WrongState          the object is not in a state that allows this
├── NotOffered          wasmlet does not do this (yet)
├── AnswerTooLarge      it does not fit a message
├── TooManyStreams      more URLs of streams were given out than clients have come for
├── ListenerTooSlow     a client takes events slower than they come
├── Ending              the server is about to end
├── StopFailed          a guest outlived its kill
├── ExecTimedOut        what ExecSync had executed did not end in time
├── CommandFailed       what is to be executed in a container is nothing that can be
│   ├── CommandNotFound     it is not there: shells say 127
│   └── CommandNotExecutable    it is, but may not be run, or is no WebAssembly: 126
└── StartupError        the server cannot start: one line for the operator, exit status 1
    └── UnusableSetting a setting that is well formed is of no use on this machine
"""


class ServerError(Exception):
    """One sentence that names the object, the cause and the remedy."""


class InvalidRequest(ServerError):
    pass


class UnknownObject(ServerError):
    pass


class NameReserved(ServerError):
    pass


class WrongState(ServerError):
    pass


class NotOffered(ServerError):
    pass


class AnswerTooLarge(ServerError):
    pass


class TooManyStreams(ServerError):
    pass


class ListenerTooSlow(ServerError):
    pass


class Ending(ServerError):
    pass


class StopFailed(ServerError):
    pass


class ExecTimedOut(ServerError):
    pass


class PortNotReached(ServerError):
    pass


class CommandFailed(ServerError):
    exit_code = 126


class CommandNotFound(CommandFailed):
    exit_code = 127


class CommandNotExecutable(CommandFailed):
    pass


class StartupError(ServerError):
    pass


class UnusableSetting(StartupError):
    """``key``: of the setting. Where it was set, only who has read the configuration knows (``config_file.place``)."""

    def __init__(self, key: str, complaint: str) -> None:
        super().__init__(f"{key}: {complaint}")
        self.key = key
        self.complaint = complaint
