"""How a line of the log is written and read: as JSON, or in words.

    {"time":"2026-11-29T18:40:01.123456Z","level":"info","component":"paper","run_id":"2026...", ...}
    2026-11-29T18:40:01.123456Z INFO paper run=2026... seq=12 orders=7f3a-12-1 FILL buy 0.01 BTCUSDT ...

Either is one line whatever came in, with nothing in it that a terminal obeys, and reads back as what it
was: a file may have both, since the setting may change.
"""

from __future__ import annotations

import re

import msgspec

from tradectl.documents.log import LogLevel, LogLine

_WORDS = re.compile(r"(\S+) ([A-Z]+) (\S*) run=(\S*) seq=(\d*) orders=(\S*) (.*)")
_SPACES = re.compile(r"[\s,]+")
_JSON = msgspec.json.Encoder()
_READ = msgspec.json.Decoder(LogLine)


def as_json(line: LogLine) -> bytes:
    """With its line end."""
    return _JSON.encode(line) + b"\n"


def as_text(line: LogLine) -> bytes:
    """The same in words. Spaces in names become `_`."""
    orders = ",".join(map(_name, line.order_ids))
    about = f"run={_name(line.run_id)} seq={line.seq or ''} orders={orders}"
    head = f"{line.time} {line.level.upper()} {_name(line.component)}"
    return f"{head} {about} {line.message}\n".encode()


FORMATS = {"json": as_json, "text": as_text}


def parsed(text: bytes) -> LogLine | None:
    """A line of either kind; None for what is none, such as one that a full disk cut off."""
    try:
        if text.startswith(b"{"):
            return _READ.decode(text)
        found = _WORDS.fullmatch(text.decode().rstrip("\n"))
        return None if found is None else _of_words(*found.groups())
    except ValueError:  # msgspec's errors and Unicode's are of this kind
        return None


def _of_words(
    time: str, level: str, component: str, run_id: str, seq: str, orders: str, message: str
) -> LogLine:
    ids = tuple(orders.split(",")) if orders else ()
    return LogLine(time, LogLevel(level.lower()), component, run_id, int(seq or 0), ids, message)


def _name(text: str) -> str:
    return _SPACES.sub("_", text)


__all__ = ["FORMATS", "parsed"]
