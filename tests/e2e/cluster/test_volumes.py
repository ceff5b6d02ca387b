"""Volumes of every kind, read and written by the guest; what is changed reaches it while it runs."""

import base64
import json
from typing import Any

from sandbox import syscalls
from tests.e2e.cluster.disturbance import IS_OVER, KUBELET_IS_DOWN
from tests.e2e.cluster.kubectl import eventually
from tests.e2e.cluster.together import Case, awaited, together
from tests.e2e.cluster.workloads import claim, config_map, from_field, local_volume, pod, secret
from tests.e2e.pods import ended, restarts
from tests.images import push_wasi_image

AFTERWARDS = awaited(IS_OVER)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


@together
def test_a_config_map_is_read_and_its_update_reaches_the_running_guest(case: Case) -> None:
    case.kubectl.apply(config_map("settings", first="one\n", colour="blue"))
    env = [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}]
    commands = ["print '$(COLOUR)\n'", "cat /settings/first", "expect /settings/first two", "cat /settings/first"]
    container = case.tool(*commands, "sleep 1000", env=env, seen={"settings": "/settings"})
    spec = {"volumes": case.volumes(settings={"configMap": {"name": "settings"}})}
    case.kubectl.apply(pod("reader", container, **spec))
    assert case.kubectl.log("reader", lines=2) == ["blue", "one"]
    case.strike(lambda: case.kubectl.apply(config_map("settings", first="two\n", colour="red")))
    assert case.kubectl.log("reader", lines=3) == ["blue", "one", "two"]
    assert restarts(case.kubectl.get("pod/reader")) == 0


@together
def test_a_secret_is_read_and_its_update_reaches_the_running_guest(case: Case) -> None:
    case.kubectl.apply(secret("password", word="open\n"))
    container = case.tool(
        "print '$(SECRET_word)\n'",
        "cat /secret/word",
        "await /secret/next",
        "cat /secret/next",
        "sleep 1000",
        envFrom=[{"prefix": "SECRET_", "secretRef": {"name": "password"}}],
        seen={"secret": "/secret"},
    )
    volumes = case.volumes(secret={"secret": {"secretName": "password", "defaultMode": 0o400}})
    case.kubectl.apply(pod("reader", container, volumes=volumes))
    assert case.kubectl.log("reader", lines=3) == ["open", "", "open"]
    case.strike()
    case.kubectl.apply(secret("password", word="open\n", next="sesame\n"))
    assert case.kubectl.log("reader", lines=4)[3] == "sesame"


@together
def test_an_empty_dir_is_shared_and_outlives_a_container(case: Case) -> None:
    seen = {"work": "/work"}
    writer = case.tool("append /work/starts x", awaited(KUBELET_IS_DOWN), "exit 3", name="writer", seen=seen)
    reader = case.tool("await /work/starts", "sleep 1000", name="reader", seen=seen)
    case.kubectl.apply(pod("sharing", writer, reader, volumes=case.volumes(work={"emptyDir": {}})))
    case.kubectl.wait("pod/sharing", "condition=Ready")
    case.strike()
    case.kubectl.when("pod/sharing", lambda pod: restarts(pod, "writer") > 0)
    [folder] = case.cluster.node.kubelet.folder.glob(
        f"root/pods/{case.kubectl.get('pod/sharing')['metadata']['uid']}/volumes/kubernetes.io~empty-dir/work"
    )
    eventually(lambda: (folder / "starts").read_text().startswith("xx"), "it is written to by the next container")


@together
def test_an_empty_dir_in_memory_has_its_size(case: Case) -> None:
    fits = ["fill /memory/part 500000", AFTERWARDS, "kind /memory/part"]
    container = case.tool(*fits, "fill /memory/rest 1000000", "print never", seen={"memory": "/memory"})
    volumes = case.volumes(memory={"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    case.kubectl.apply(pod("bounded", container, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/bounded", "condition=Ready")
    case.strike()
    case.kubectl.wait("pod/bounded", "jsonpath={.status.phase}=Failed")
    assert ended(case.kubectl.get("pod/bounded"))["exitCode"] == 1
    assert case.kubectl("logs", "bounded").splitlines() == [
        "file 503808",
        "tool: /memory/rest: No space left on device",
    ]


@together
def test_a_pod_whose_empty_dir_outgrows_its_size_is_evicted(case: Case) -> None:
    container = case.tool("fill /work/much 4000000", "sleep 1000", seen={"work": "/work"})
    volumes = case.volumes(work={"emptyDir": {"sizeLimit": "1Mi"}})
    case.kubectl.apply(pod("greedy", container, volumes=volumes))
    case.kubectl.when("pod/greedy", lambda pod: pod["status"]["phase"] != "Pending")  # nor may it run for long
    case.strike()
    case.kubectl.wait("pod/greedy", "jsonpath={.status.reason}=Evicted")
    assert 'EmptyDir volume "work" exceeds the limit "1Mi"' in case.kubectl.get("pod/greedy")["status"]["message"]


@together
def test_files_and_folders_of_the_node_are_read_and_written(case: Case) -> None:
    (case.folder / "given").write_text("from the node\n")
    container = case.tool(
        "cat /folder/given",
        "cat /file",
        AFTERWARDS,
        "write /folder/taken 'from the pod'",
        "write /made/note made",
        "append /new-file new",
        seen={"folder": "/folder", "file": "/file", "made": "/made", "new": "/new-file"},
    )
    sources = {
        "folder": {"hostPath": {"path": str(case.folder), "type": "Directory"}},
        "file": {"hostPath": {"path": str(case.folder / "given"), "type": "File"}},
        "made": {"hostPath": {"path": str(case.folder / "made"), "type": "DirectoryOrCreate"}},
        "new": {"hostPath": {"path": str(case.folder / "new"), "type": "FileOrCreate"}},
    }
    case.kubectl.apply(pod("local", container, volumes=case.volumes(**sources), restartPolicy="Never"))
    assert case.kubectl.log("local", lines=2) == ["from the node"] * 2
    case.strike()
    case.kubectl.wait("pod/local", "jsonpath={.status.phase}=Succeeded")
    assert (case.folder / "taken").read_text() == "from the pod"
    assert (case.folder / "made/note").read_text() == "made"
    assert (case.folder / "new").read_text() == "new"


@together
def test_a_projected_volume_holds_what_each_of_its_sources_gives(case: Case) -> None:
    case.kubectl.apply(config_map("settings", colour="blue\n"), secret("password", word="open\n"))
    sources = [
        {"configMap": {"name": "settings"}},
        {"secret": {"name": "password", "items": [{"key": "word", "path": "deep/word"}]}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "them", "expirationSeconds": 3600}},
    ]
    files = [f"cat /all/{name}" for name in ("colour", "deep/word", "token")]
    commands = [*files, "print '\n'", "cat /all/name", "print '\n'", AFTERWARDS, "ls /all"]
    container = case.tool(*commands, seen={"all": "/all"})
    volumes = case.volumes(all={"projected": {"sources": sources}})
    case.kubectl.apply(pod("gathering", container, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/gathering", "condition=Ready")
    case.strike()
    case.kubectl.wait("pod/gathering", "jsonpath={.status.phase}=Succeeded")
    colour, word, token, name, *listed = case.kubectl("logs", "gathering").splitlines()
    assert (colour, word, name) == ("blue", "open", "gathering")
    assert {"colour", "deep", "name", "token"} <= set(listed)
    claims = claims_of(token)
    assert claims["aud"] == ["them"]
    assert claims["kubernetes.io"]["pod"]["name"] == "gathering"


@together
def test_the_account_of_a_pod_is_in_each_container(case: Case) -> None:
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    commands = [f"cat {account}/namespace", "print '\n'", f"cat {account}/ca.crt", f"cat {account}/token"]
    case.kubectl.apply(pod("known", case.tool(*commands, "print '\nend\n'", "sleep 1000"), volumes=case.volumes()))
    case.kubectl.wait("pod/known", "condition=Ready")
    case.strike_unnoticed()
    eventually(lambda: case.kubectl.log("known")[-1] == "end", "all is told")
    lines = case.kubectl.log("known")
    assert lines[:2] == [case.kubectl.namespace, "-----BEGIN CERTIFICATE-----"]
    assert claims_of(lines[-2])["kubernetes.io"]["pod"]["name"] == "known"


@together
def test_a_pod_learns_of_itself(case: Case) -> None:
    """A label that is changed reaches the running guest by its file."""
    fields = {"NAME": "metadata.name", "SPACE": "metadata.namespace", "NODE": "spec.nodeName", "IP": "status.podIP"}
    env = [from_field(name, path) for name, path in fields.items()]
    env.append({"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}})
    container = case.tool(
        "print '$(NAME) $(SPACE) $(NODE) $(IP) $(LIMIT)\n'",
        "cat /about/labels",
        "print '\n'",
        "expect /about/labels second",
        "cat /about/labels",
        env=env,
        seen={"about": "/about"},
        resources={"limits": {"memory": "64Mi"}},
    )
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    aware = pod(
        "aware", container, volumes=case.volumes(about={"downwardAPI": {"items": items}}), restartPolicy="Never"
    )
    aware["metadata"]["labels"] = {"stage": "first"}
    case.kubectl.apply(aware)
    told, label = case.kubectl.log("aware", lines=2)
    address = case.kubectl.when("pod/aware", lambda pod: "podIP" in pod["status"])["status"]["podIP"]
    assert told == f"aware {case.kubectl.namespace} node {address} {64 << 20}"
    assert label == 'stage="first"'
    case.strike(lambda: case.kubectl.patch("pod/aware", {"metadata": {"labels": {"stage": "second"}}}))
    assert case.kubectl.log("aware", lines=3)[2] == 'stage="second"'


@together
def test_parts_of_a_volume_are_mounted_alone(case: Case) -> None:
    case.kubectl.apply(config_map("settings", colour="blue\n", shape="round\n"))
    mounts = [
        {"name": "moments", "mountPath": "/moments"},
        {"name": "settings", "mountPath": "/etc/colour", "subPath": "colour"},
        {"name": "work", "mountPath": "/part", "subPath": "deep/part"},
        {"name": "work", "mountPath": "/own", "subPathExpr": "$(POD)"},
        {"name": "work", "mountPath": "/whole"},
    ]
    commands = ["cat /etc/colour", "write /part/note x", "write /own/note y", AFTERWARDS, "kind /whole/deep/part/note"]
    container = case.tool(*commands, "kind /whole/parted/note", env=[from_field("POD", "metadata.name")])
    container["volumeMounts"] = mounts
    volumes = case.volumes(settings={"configMap": {"name": "settings"}}, work={"emptyDir": {}})
    case.kubectl.apply(pod("parted", container, volumes=volumes, restartPolicy="Never"))
    assert case.kubectl.log("parted", lines=1) == ["blue"]
    case.strike()
    case.kubectl.wait("pod/parted", "jsonpath={.status.phase}=Succeeded")
    assert case.kubectl("logs", "parted").splitlines() == ["blue", "file 1", "file 1"]


@together
def test_a_persistent_volume_outlives_its_pods(case: Case) -> None:
    disk = case.folder / "disk"
    disk.mkdir()
    case.kubectl.apply(local_volume("lasting", "lasting", disk), claim("mine", "lasting"))
    case.kubectl.wait("persistentvolumeclaim/mine", "jsonpath={.status.phase}=Bound")
    volumes = case.volumes(data={"persistentVolumeClaim": {"claimName": "mine"}})
    writer = case.tool("write /data/note 'for the next\n'", AFTERWARDS, seen={"data": "/data"})
    case.kubectl.apply(pod("writer", writer, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/writer", "condition=Ready")
    case.strike()
    case.kubectl.wait("pod/writer", "jsonpath={.status.phase}=Succeeded")
    case.kubectl.delete("pod/writer")
    reader = case.tool("cat /data/note", seen={"data": "/data"})
    case.kubectl.apply(pod("reader", reader, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/reader", "jsonpath={.status.phase}=Succeeded")
    assert case.kubectl("logs", "reader") == "for the next\n"
    assert (disk / "note").read_text() == "for the next\n"


@together
def test_what_is_read_only_is_not_written(case: Case) -> None:
    """Each container fails at its own attempt."""
    mounts = {"name": "work", "mountPath": "/work", "readOnly": True}
    volume = case.tool(AFTERWARDS, "write /work/note x", name="volume")
    volume["volumeMounts"].append(mounts)
    root = case.tool(AFTERWARDS, "write /note x", name="root", securityContext={"readOnlyRootFilesystem": True})
    settings = case.tool(AFTERWARDS, "write /settings/colour x", name="settings", seen={"settings": "/settings"})
    case.kubectl.apply(config_map("settings", colour="blue\n"))
    volumes = case.volumes(work={"emptyDir": {}}, settings={"configMap": {"name": "settings"}})
    case.kubectl.apply(pod("reading", volume, root, settings, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/reading", "condition=Ready")
    case.strike()
    case.kubectl.wait("pod/reading", "jsonpath={.status.phase}=Failed")
    found = case.kubectl.get("pod/reading")
    assert [ended(found, name)["exitCode"] for name in ("volume", "root", "settings")] == [1, 1, 1]


@together
def test_read_only_reaches_nested_mounts_where_that_is_asked_for(case: Case) -> None:
    (nested := case.folder / "tree" / "nested").mkdir(parents=True)
    syscalls.mount("tmpfs", str(nested), "tmpfs", 0)
    try:
        mount = {"name": "tree", "mountPath": "/tree", "readOnly": True}
        shallow = case.tool(AFTERWARDS, "write /tree/nested/note x", name="shallow")
        deep = case.tool(AFTERWARDS, "write /tree/nested/other x", name="deep")
        shallow["volumeMounts"].append(mount)
        deep["volumeMounts"].append({**mount, "recursiveReadOnly": "Enabled"})
        tree = {"hostPath": {"path": str(case.folder / "tree"), "type": "Directory"}}
        case.kubectl.apply(pod("reading", shallow, deep, volumes=case.volumes(tree=tree), restartPolicy="Never"))
        case.kubectl.wait("pod/reading", "condition=Ready")
        case.strike()
        case.kubectl.wait("pod/reading", "jsonpath={.status.phase}=Failed")
        found = case.kubectl.get("pod/reading")
        assert [ended(found, name)["exitCode"] for name in ("shallow", "deep")] == [0, 1]
        assert [each.name for each in nested.iterdir()] == ["note"]
    finally:
        syscalls.unmount(str(nested), syscalls.MNT_DETACH)


@together
def test_an_image_is_a_volume(case: Case) -> None:
    image = push_wasi_image(case.cluster.node.registry, "model", {"/weights/layer": b"heavy\n"}, ["/weights/layer"])
    container = case.tool("cat /model/weights/layer", AFTERWARDS, "cat /model/weights/layer", seen={"model": "/model"})
    volumes = case.volumes(model={"image": {"reference": image, "pullPolicy": "IfNotPresent"}})
    case.kubectl.apply(pod("inferring", container, volumes=volumes, restartPolicy="Never"))
    case.kubectl.wait("pod/inferring", "condition=Ready")
    case.strike()
    case.kubectl.wait("pod/inferring", "jsonpath={.status.phase}=Succeeded")
    assert case.kubectl("logs", "inferring").splitlines() == ["heavy"] * 2
