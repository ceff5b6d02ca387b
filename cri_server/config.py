"""Settings: their names, meanings, defaults and bounds. The commented default file is printed from here
(``config_text``)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cri_server.listen_address import parse_address
from image_store import references
from image_store.errors import InvalidReference
from sandbox.errors import InvalidSpec
from sandbox.network.subnets import parse_subnets

DEFAULT_FILE = "/etc/wasmlet/config.toml"

_MEBIBYTE = 1 << 20


def _absolute(path: str) -> str:
    if not path.startswith("/") or any(character < " " for character in path):
        raise ValueError(f"must be an absolute path, not {path!r}; write it from / on")
    return path


def _optional_path(path: str) -> str:
    return _absolute(path) if path else path


def _subnet(text: str) -> str:
    try:
        if text:
            parse_subnets(text)
    except InvalidSpec as error:
        raise ValueError(str(error)) from error
    return text


def _registry(text: str) -> str:
    if not text or "/" in text:
        raise ValueError(f'must be "host" or "host:port", not {text!r}; leave out scheme and path')
    return text


def _reference(text: str) -> str:
    try:
        references.parse(text)
    except InvalidReference as error:
        raise ValueError(str(error)) from error
    return text


def _toolbox(text: str) -> str:
    return text if text in ("builtin", "off") else _reference(text)


def _metrics_address(text: str) -> str:
    if text:
        parse_address(text)
    return text


def _streaming_address(text: str) -> str:
    parse_address(text, lowest_port=0)
    return text


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
OptionalPath = Annotated[str, AfterValidator(_optional_path)]
Subnet = Annotated[str, AfterValidator(_subnet)]
Registry = Annotated[str, AfterValidator(_registry)]
MetricsAddress = Annotated[str, AfterValidator(_metrics_address)]
StreamingAddress = Annotated[str, AfterValidator(_streaming_address)]
ImageReference = Annotated[str, AfterValidator(_reference)]
Toolbox = Annotated[str, AfterValidator(_toolbox)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LogSettings(Section):
    """What the server says of itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is logged: debug, info, warning or error."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="console: for people; json: one object a line; auto: console on a terminal, json otherwise.",
    )


class CgroupSettings(Section):
    """How the kubelet and wasmlet share the cgroup tree."""

    driver: Literal["auto", "cgroupfs", "systemd"] = Field(
        default="auto",
        description=(
            "cgroupfs, systemd, or auto: systemd where it manages a unified hierarchy, cgroupfs elsewhere. "
            "The kubelet asks for it and follows."
        ),
    )


class NetworkSettings(Section):
    """The network of pods that do not use the host's: a bridge of wasmlet's own, or CNI plugins."""

    bridge: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,14})?$",
        description=(
            "Name of the bridge, at most 15 characters; "
            '"": one made of the path of the state, different for each server.'
        ),
    )
    subnet: Subnet = Field(
        default="",
        description=(
            "Addresses for pods until the kubelet announces the node's pod CIDR: a range of IPv4 or IPv6, or one of "
            "each with a comma, as in 10.88.3.0/24,fd00:88::/64; "
            '"": a free /24 of 10.88.0.0/16, chosen at the first start.'
        ),
    )
    cni_conf_dir: OptionalPath = Field(
        default="",
        description=(
            "Folder of CNI networks, as in /etc/cni/net.d; the first of its files, by name, is the network of pods. "
            '"": wasmlet\'s own bridge.'
        ),
    )
    cni_bin_dirs: list[AbsolutePath] = Field(
        default=["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"],
        description="Folders of CNI plugins; a program in an earlier one counts.",
    )
    cni_plugin_seconds: int = Field(
        default=60, ge=1, description="A CNI plugin that runs longer is killed, and has failed."
    )


class ImageSettings(Section):
    """Pulling images."""

    max_layer_bytes: int = Field(
        default=2048 * _MEBIBYTE,
        ge=1,
        description="Largest layer, compressed or unpacked, in bytes; larger ones are refused.",
    )
    max_module_bytes: int = Field(
        default=256 * _MEBIBYTE,
        ge=1,
        description="Largest WebAssembly module or component, in bytes; larger ones are refused.",
    )
    plain_http: list[Registry] = Field(
        default=[],
        description='Registries spoken to without TLS, as "host" or "host:port". Loopback addresses always are.',
    )
    registry_config: AbsolutePath = Field(
        default="/etc/wasmlet/certs.d",
        description=(
            "Folder of mirrors and certificates by registry, as HOST/hosts.toml in containerd's format; read at each "
            "pull. /etc/containerd/certs.d: the same as containerd's."
        ),
    )
    pull_progress_seconds: int = Field(
        default=300, ge=1, description="A pull that receives nothing for so long is given up."
    )
    concurrent_pulls: int = Field(
        default=3, ge=1, le=64, description="How many blobs of an image are downloaded at the same time."
    )
    pinned: list[ImageReference] = Field(
        default=[], description="References of images that the kubelet must not collect as garbage."
    )


class CompileSettings(Section):
    """Compilation of WebAssembly to native code, in a separate process."""

    seconds: int = Field(
        default=120, ge=1, description="Longest compilation of one module, in seconds of wall-clock time."
    )
    memory_bytes: int = Field(
        default=2048 * _MEBIBYTE,
        ge=64 * _MEBIBYTE,
        description="Most memory of one compilation, in bytes of address space.",
    )
    parallel: int = Field(default=1, ge=1, le=64, description="How many compilations run at the same time.")


class ZygoteSettings(Section):
    """The process that pods are forked from."""

    warm_programs: int = Field(
        default=32,
        ge=0,
        le=1024,
        description="Compiled programs that it holds ready for new pods, most recently used first.",
    )


class SecuritySettings(Section):
    """What pods may ask for."""

    privileged: Literal["accept", "reject"] = Field(
        default="accept",
        description="accept: privileged containers run, without any extra access; reject: they are refused.",
    )


class ExecSettings(Section):
    """What `kubectl exec` finds in a container."""

    toolbox: Toolbox = Field(
        default="builtin",
        description=(
            "Commands for containers that have none: builtin, wasmlet's own shell and small commands; the reference of "
            "an image whose programs they are; off: none."
        ),
    )


class HttpSettings(Section):
    """Containers whose component handles HTTP requests. Annotations of a pod change each value for its containers."""

    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Processes of a container that run handlers; 0: as many as its CPU limit fills, or the machine's "
        "processors, but no more than 4.",
    )
    concurrency: int = Field(
        default=256,
        ge=1,
        le=512,
        description="Requests that one worker handles at the same time. As many more wait; the rest is answered 503.",
    )
    max_header_bytes: int = Field(
        default=65536, ge=1024, le=_MEBIBYTE, description="Largest head of a request, in bytes; a larger one is 431."
    )
    max_body_bytes: int = Field(
        default=1024 * _MEBIBYTE, ge=0, description="Largest body of a request, in bytes; a larger one is 413."
    )
    header_seconds: int = Field(
        default=10, ge=1, description="From the first byte of a request to the end of its head; longer is 408."
    )
    body_seconds: int = Field(
        default=30,
        ge=1,
        description="Without a byte of a body is 408; without a byte of a response taken the connection ends.",
    )
    idle_seconds: int = Field(default=75, ge=1, description="A connection without a request is closed.")
    request_seconds: int = Field(
        default=60, ge=1, description="From the start of a handler to the head of its response; longer is 504."
    )
    access_log: Literal["", "common", "combined", "json"] = Field(
        default="", description='Form of a line for each request on the container\'s standard output; "": none.'
    )


class MetricsSettings(Section):
    """The server's own figures for Prometheus, at http://ADDRESS/metrics, without TLS and for everybody who can
    connect."""

    address: MetricsAddress = Field(
        default="",
        description='"host:port" to serve them on, "port" for loopback alone; "": not at all.',
    )


class StreamingSettings(Section):
    """Where exec, attach and port-forward are streamed. The kubelet and crictl are told the address with each stream,
    and a token that is good for one use within a minute."""

    address: StreamingAddress = Field(
        default="127.0.0.1:0",
        description=(
            '"host:port" to listen on, which the kubelet must be able to reach; port 0: a free one. Beyond loopback, '
            "choose one only with TLS."
        ),
    )
    tls_certificate: OptionalPath = Field(
        default="",
        description='PEM file of the certificate and its chain, read again when it changes; "": no TLS.',
    )
    tls_key: OptionalPath = Field(default="", description="PEM file of the certificate's private key.")
    tls_client_ca: OptionalPath = Field(
        default="",
        description='PEM file of authorities: only a client with a certificate of theirs is served; "": any client.',
    )
    idle_seconds: int = Field(
        default=4 * 60 * 60, ge=1, description="A stream over which nothing went for so long is ended."
    )
    creation_seconds: int = Field(
        default=30, ge=1, description="A client that has not opened all its streams by then is sent away."
    )
    pending: int = Field(
        default=1000, ge=1, description="Addresses given out whose client has not come yet; more are refused."
    )


class Settings(Section):
    """Paths. `root` lasts, `state` is volatile. Servers side by side need their own of each."""

    socket: AbsolutePath = Field(
        default="/run/wasmlet/wasmlet.sock",
        description="Unix socket of the CRI services: the kubelet's containerRuntimeEndpoint.",
    )
    root: AbsolutePath = Field(
        default="/var/lib/wasmlet", description="Images, pod records and the containers' writable layers."
    )
    state: AbsolutePath = Field(default="/run/wasmlet", description="Control sockets and the pods' files below /etc.")
    log: LogSettings = LogSettings()
    cgroup: CgroupSettings = CgroupSettings()
    network: NetworkSettings = NetworkSettings()
    images: ImageSettings = ImageSettings()
    compile: CompileSettings = CompileSettings()
    zygote: ZygoteSettings = ZygoteSettings()
    security: SecuritySettings = SecuritySettings()
    exec: ExecSettings = ExecSettings()
    http: HttpSettings = HttpSettings()
    metrics: MetricsSettings = MetricsSettings()
    streaming: StreamingSettings = StreamingSettings()
