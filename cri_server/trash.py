"""Removal of folders: one rename is the commit, the deletion comes after.

A folder that is in the trash is gone for everyone; what a dead server left there, the next one deletes.
"""

import errno
import os
import shutil

import structlog

from cri_server.object_index import new_id

log = structlog.get_logger()


def throw_away(trash: str, folder: str) -> str:
    """Move ``folder`` into the trash and return where it is now; nothing happens to a folder that is not there."""
    grave = os.path.join(trash, f"{os.path.basename(folder)}.{new_id()[:8]}")
    try:
        os.rename(folder, grave)
    except FileNotFoundError:
        if os.path.lexists(folder):  # then it is the trash that is not there
            os.makedirs(trash, 0o700, exist_ok=True)
            os.rename(folder, grave)
    return grave


def delete(grave: str) -> None:
    """Delete a folder of the trash. What cannot be deleted is logged and stays for the next start."""
    try:
        shutil.rmtree(grave)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning(
            "a removed folder cannot be deleted yet", folder=grave, cause=errno.errorcode.get(error.errno or 0, "")
        )


def empty(trash: str) -> None:
    for name in os.listdir(trash):
        delete(os.path.join(trash, name))
