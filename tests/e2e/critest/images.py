"""The images that critest pulls, with the toolbox in them, and a folder of mirrors that leads there.

critest names most of its images in its own code. The registry holds each under the path of that name, whichever of the
registries it names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.images import push_layers
from tests.toolbox.tree import GROUP, PASSWD, tree

_MIRRORED = ("gcr.io", "registry.k8s.io", "k8s.gcr.io")
_CRI_TOOLS = "k8s-staging-cri-tools"
_BY_DIGEST = f"{_CRI_TOOLS}/test-image-digest:latest"
_PAGES = "srv/www/index.html"

DEFAULT = "critest/default:1"
WEB_SERVER = "critest/web-server:1"


class Image(NamedTuple):
    """``names``: repository and tag, several of the same image."""

    names: tuple[str, ...]
    config: Mapping[str, Any]
    files: Mapping[str, str] = {}


def _serving(port: int, name: str) -> Image:
    """A web server. It goes on where nothing can listen: some specs only look whether it runs."""
    command = f"httpd -f -p {port} -h /srv/www || exec sleep infinity"
    return Image((name,), {"cmd": ("/bin/sh", "-c", command)}, {_PAGES: f"<h1>Welcome to {name}</h1>\n"})


def _cri_tools(*names: str, **config: Any) -> Image:
    return Image(tuple(f"{_CRI_TOOLS}/test-image-{name}" for name in names), {"cmd": ("top",), **config})


_GROUPS = {
    "etc/passwd": f"{PASSWD}default-user:x:1000:1000::/:/bin/sh\n",
    "etc/group": f"{GROUP}default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n",
}
_EFFECTIVE_UID = ("/bin/sh", "-c", 'echo "Effective uid: $(id -u)"')

IMAGES = (
    Image((DEFAULT, "e2e-test-images/busybox:1.29-2"), {"cmd": ("sh",)}),
    _serving(80, WEB_SERVER),
    _serving(80, "e2e-test-images/nginx:1.14-2"),
    _serving(80, "e2e-test-images/httpd:2.4.39-4"),
    _serving(12003, f"{_CRI_TOOLS}/hostnet-nginx-amd64:latest"),
    Image(("e2e-test-images/nonewprivs:1.3",), {"cmd": _EFFECTIVE_UID}),
    Image(("pause:3.9",), {"cmd": ("sleep", "infinity")}),
    _cri_tools("latest:latest"),
    _cri_tools("tag:test"),
    _cri_tools("tag:all"),
    Image((_BY_DIGEST,), {"cmd": ("top",)}),
    _cri_tools("1:latest"),
    _cri_tools("2:latest"),
    _cri_tools("3:latest"),
    _cri_tools("tags:1", "tags:2", "tags:3"),
    _cri_tools("user-uid:latest", user="1002"),
    _cri_tools("user-username:latest", user="www-data"),
    _cri_tools("user-uid-group:latest", user="1003:users"),
    _cri_tools("user-username-group:latest", user="www-data:100"),
    Image((f"{_CRI_TOOLS}/test-image-predefined-group:latest",), {"cmd": ("sh",)}, _GROUPS),
)


def push_all(registry: str) -> str:
    """Each image is one of its own: its environment names it. Returns the digest of the one to be pulled by digest."""
    layers, digests = {}, {}
    for image in IMAGES:
        files = tuple(image.files.items())
        if files not in layers:
            layers[files] = tree(image.files)
        for name in image.names:
            repository, _, tag = name.rpartition(":")
            named = {"env": [f"IMAGE={image.names[0]}"], **image.config}
            pushed = push_layers(registry, repository, [layers[files]], tag=tag, compression="zstd", **named)
            digests[name] = pushed.digest
    return digests[_BY_DIGEST]


def write_mirrors(folder: Path, registry: str) -> None:
    """A folder of ``hosts.toml`` files: nobody else is asked for these registries."""
    for host in _MIRRORED:
        (folder / host).mkdir(parents=True)
        (folder / host / "hosts.toml").write_text(f'server = "http://{registry}"\n')


def write_names(file: Path, registry: str) -> None:
    """The file of images that critest lets its user choose."""
    names = {"defaultTestContainerImage": DEFAULT, "webServerTestImage": WEB_SERVER}
    file.write_text("".join(f"{key}: {registry}/{name}\n" for key, name in names.items()))
