"""Which seccomp profiles a container may ask for."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.seccomp_profile import check_seccomp, lets_change_modes


def asking_for(path: Path, **fields: Any) -> cri.ContainerConfig:
    profile = cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=str(path))
    context = cri.LinuxContainerSecurityContext(seccomp=profile, **fields)
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="app"), linux=cri.LinuxContainerConfig(security_context=context)
    )


def refusing(folder: Path, *names: str) -> Path:
    rules = [{"names": list(names), "action": "SCMP_ACT_ERRNO"}]
    path = folder / "profile.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    return path


@pytest.mark.parametrize("kind", [cri.SecurityProfile.RuntimeDefault, cri.SecurityProfile.Unconfined])
def test_without_a_profile_of_the_node_there_is_nothing_to_check(kind: cri.SecurityProfile.ProfileType) -> None:
    config = asking_for(Path("/no/such"))
    config.linux.security_context.seccomp.profile_type = kind
    check_seccomp(config)
    check_seccomp(cri.ContainerConfig())


def test_a_profile_that_refuses_what_guests_are_refused_anyhow_is_accepted(tmp_path: Path) -> None:
    check_seccomp(asking_for(refusing(tmp_path, "chmod", "fchmod", "fchmodat", "sethostname")))


def test_one_that_refuses_what_the_host_does_for_a_guest_is_kept(tmp_path: Path) -> None:
    assert not lets_change_modes(asking_for(refusing(tmp_path, "fchmod")))
    assert not lets_change_modes(asking_for(refusing(tmp_path, "chmod", "fchmodat")))
    assert lets_change_modes(asking_for(refusing(tmp_path, "fchmodat"), privileged=True))
    assert lets_change_modes(asking_for(refusing(tmp_path, "sethostname")))
    assert lets_change_modes(cri.ContainerConfig())


def test_one_that_would_refuse_more_is_refused(tmp_path: Path) -> None:
    path = refusing(tmp_path, "unlinkat", "chmod")
    with pytest.raises(
        InvalidRequest, match=f"profile {path} of container app refuses unlinkat, which .*RuntimeDefault"
    ):
        check_seccomp(asking_for(path))
    path.write_text('{"defaultAction": "SCMP_ACT_ERRNO"}')
    with pytest.raises(InvalidRequest, match=r"refuses \w+, \w+, \w+, \w+, \w+ and \d+ more system calls"):
        check_seccomp(asking_for(path))


def test_a_privileged_container_has_none(tmp_path: Path) -> None:
    check_seccomp(asking_for(refusing(tmp_path, "unlinkat"), privileged=True))


def test_one_that_is_missing_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="/no/such of container app cannot be read: No such file"):
        check_seccomp(asking_for(Path("/no/such")))
    with pytest.raises(InvalidRequest, match="cannot be read: Is a directory"):
        check_seccomp(asking_for(tmp_path))
    tmp_path.joinpath("x").write_text("{}")
    with pytest.raises(InvalidRequest, match=r"/x of container app is not a seccomp profile .*: mend it"):
        check_seccomp(asking_for(tmp_path / "x"))


def test_nothing_is_waited_for_at_a_pipe_or_device(tmp_path: Path) -> None:
    """The server answers nobody else meanwhile."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InvalidRequest, match="of container app is no file: mend it"):
            check_seccomp(asking_for(path))
