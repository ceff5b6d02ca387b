"""One line for each request: as Apache's common and combined log formats have it, or as JSON. No I/O."""

import json
import select
import time
from typing import NamedTuple

FORMATS = ("common", "combined", "json")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_CHARACTERS = 200
"""Of each field that a client writes, in a line that the kernel would otherwise not write in one piece."""


class Entry(NamedTuple):
    client: str
    time: float
    """When the request had come, in seconds since the epoch."""
    method: str
    """Empty, as target and version, of what could not be read as a request."""
    target: str
    version: str
    status: int
    """0: the connection ended before there was an answer."""
    body_bytes: int
    """Of the response."""
    seconds: float
    """From the headers to the end of the response."""
    referer: str
    user_agent: str


def unreadable(client: str, status: int) -> Entry:
    """Of what was no request, or not in time."""
    return Entry(client, time.time(), "", "", "", status, 0, 0.0, "", "")


def line(form: str, entry: Entry) -> bytes:
    """Of ``PIPE_BUF`` bytes at most, so that no other worker's comes between its parts."""
    whole = _line(form, entry)
    return whole if len(whole) <= select.PIPE_BUF else _line(form, _shortened(entry))


def _line(form: str, entry: Entry) -> bytes:
    return (_json(entry) if form == "json" else _text(entry, form == "combined")).encode(errors="replace")


def _shortened(entry: Entry) -> Entry:
    written = (entry.method, entry.target, entry.referer, entry.user_agent)
    method, target, referer, agent = (text[:_MOST_CHARACTERS] for text in written)
    return entry._replace(method=method, target=target, referer=referer, user_agent=agent)


def _text(entry: Entry, is_combined: bool) -> str:
    request = f"{_quoted(entry.method)} {_quoted(entry.target)} HTTP/{entry.version}" if entry.method else "-"
    size = entry.body_bytes or "-"
    common = f'{entry.client} - - [{_moment(entry.time)}] "{request}" {entry.status or "-"} {size}'
    if is_combined:
        return f'{common} "{_quoted(entry.referer) or "-"}" "{_quoted(entry.user_agent) or "-"}"\n'
    return common + "\n"


def _quoted(text: str) -> str:
    """Nothing that a client sends ends a field or a line."""
    return "".join(
        character if " " <= character <= "~" and character not in '"\\' else f"\\x{ord(character):02x}"
        for character in text
    )


def _moment(seconds: float) -> str:
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{day:02}/{_MONTHS[month - 1]}/{year}:{hour:02}:{minute:02}:{second:02} +0000"


def _json(entry: Entry) -> str:
    fields = entry._asdict()
    fields["time"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(entry.time))}.{int(entry.time % 1 * 1000):03}Z"
    fields["seconds"] = round(entry.seconds, 6)
    return json.dumps(fields) + "\n"
