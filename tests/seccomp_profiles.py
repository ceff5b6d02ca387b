"""Seccomp profiles of a node."""

import json
from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri


def profile_refusing(folder: Path, *names: str) -> cri.SecurityProfile:
    """One that allows every system call but these."""
    rules = [{"names": list(names), "action": "SCMP_ACT_ERRNO"}]
    path = folder / "profile.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=str(path))
