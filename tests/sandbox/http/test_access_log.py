"""Lines of the access log."""

import json
import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.http.access_log import FORMATS, Entry, line, unreadable

ENTRY = Entry("10.0.0.1", 1_700_000_000.25, "GET", "/a?b", "1.1", 200, 12, 0.0051, "http://x/", "curl/8")


def test_common() -> None:
    assert line("common", ENTRY) == b'10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b HTTP/1.1" 200 12\n'


def test_combined() -> None:
    assert line("combined", ENTRY).endswith(b'200 12 "http://x/" "curl/8"\n')
    assert line("combined", ENTRY._replace(referer="", user_agent="")).endswith(b'200 12 "-" "-"\n')


def test_json() -> None:
    fields = json.loads(line("json", ENTRY))
    assert fields["time"] == "2023-11-14T22:13:20.250Z"
    assert (fields["status"], fields["seconds"], fields["target"]) == (200, 0.0051, "/a?b")


def test_without_an_answer() -> None:
    assert line("common", ENTRY._replace(status=0, body_bytes=0)).endswith(b'HTTP/1.1" - -\n')


def test_of_what_is_no_request() -> None:
    entry = unreadable("10.0.0.1", 400)._replace(time=ENTRY.time)
    assert line("combined", entry) == b'10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "-" 400 - "-" "-"\n'
    fields = json.loads(line("json", entry))
    assert (fields["method"], fields["target"], fields["version"], fields["status"]) == ("", "", "", 400)


@given(st.text(), st.text())
def test_no_client_ends_a_line_or_a_field(target: str, agent: str) -> None:
    entry = ENTRY._replace(target=target, user_agent=agent)
    text = line("combined", entry)
    assert text.count(b"\n") == 1
    assert text.count(b'"') == 6
    assert line("json", entry).count(b"\n") == 1


@pytest.mark.parametrize("form", FORMATS)
def test_no_line_is_so_long_that_another_workers_comes_between_its_parts(form: str) -> None:
    long = "\xff" * 65_000
    client, method = f"{'ffff:' * 7}ffff%eth0", "A" * 65_000
    text = line(form, ENTRY._replace(client=client, method=method, target=f"/{long}", referer=long, user_agent=long))
    assert b"/" + 100 * (rb"\u00ff" if form == "json" else rb"\xff") in text
    assert text.endswith(b"\n")
    assert len(text) <= select.PIPE_BUF
