from dataclasses import replace

import pytest

from cri_server.image_messages import image_message
from image_store.image import ImageConfig
from tests.cri_server.fakes import ARTIFACT


@pytest.mark.parametrize(
    ("user", "uid", "name"),
    [
        ("", None, ""),
        ("0", 0, ""),
        ("1003:group", 1003, ""),
        ("www-data", None, "www-data"),
        ("www-data:1000", None, "www-data"),
        ("99999999999999999999", None, "99999999999999999999"),
        ("\u0661", None, "\u0661"),
        ("-1", None, "-1"),
        ("\ud800", None, "?"),
    ],
)
def test_of_uid_and_user_name_one_is_set_whatever_the_image_says(user: str, uid: int | None, name: str) -> None:
    message = image_message(replace(ARTIFACT, config=ImageConfig(user=user)))
    assert (message.uid.value if message.HasField("uid") else None, message.username) == (uid, name)
