"""Misbehaviour: what is wrong with which request or message, how often, and whether the order stands.

A `Fault` waits for what it matches and is used up after `count` times. Faults of replies, of orders and
of streams are independent: one request can get no answer and its order be forgotten for a while, too.
Randomness comes from one seeded generator, so a seed repeats a run as far as the clients do.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase

FOREVER = -1


class Kind(StrEnum):
    # of replies; `placed` tells whether the request is carried out
    NO_REPLY = "no-reply"
    """the connection is held until the client gives up, then closed"""
    LATE = "late"
    """answered `seconds` late, or when the fault is removed; carried out at once if `placed`, else as
    late as the answer"""
    EMPTY = "empty"
    """200 with nothing in it"""
    TRUNCATED = "truncated"
    """200 with half of the answer, as if that were all"""
    CUT = "cut"
    """half of the answer, then the connection is reset"""
    RESET = "reset"
    """the connection is reset without a byte"""
    HTML = "html"
    """a proxy's page: 502, or with `status` = 503 that one"""
    ERROR = "error"
    """the exchange's error `code` (see `errors.py`; one of ours or `text` and `status`)"""
    TOO_MANY = "429"
    BANNED = "418"
    UNAVAILABLE = "503"
    # of orders
    FORGET = "forget"
    """a new order is denied for `seconds`: not found, and in no list"""
    FILL_BEFORE_CANCEL = "fill-before-cancel"
    """`fraction` of what is left is filled just before the cancel is carried out"""
    # of streams, message by message
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    """sent after the next one, or after `seconds` if there is none"""
    DROP = "drop"
    DELAY = "delay"
    STALL = "stall"
    """nothing more is sent for `seconds` (0: until removed); the socket stays and answers pings"""
    DISCONNECT = "disconnect"
    CROSSED = "crossed"
    """bid and ask change places"""

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        raise ValueError(f"no kind of fault {value!r}: expected one of {', '.join(cls)}")


ORDERS = frozenset({Kind.FORGET, Kind.FILL_BEFORE_CANCEL})
STREAMS = frozenset(
    {
        Kind.DUPLICATE,
        Kind.REORDER,
        Kind.DROP,
        Kind.DELAY,
        Kind.STALL,
        Kind.DISCONNECT,
        Kind.CROSSED,
    }
)
REPLIES = frozenset(Kind) - ORDERS - STREAMS

NOT_PLACED = frozenset({Kind.TOO_MANY, Kind.BANNED, Kind.UNAVAILABLE, Kind.ERROR, Kind.HTML})
"""those that leave the request undone unless told otherwise"""


@dataclass(eq=False)
class Fault:
    """`method` and `path` are patterns of the request ("WS" and the method's name for the WebSocket API,
    which `*` leaves alone), `stream` one of the stream's name ("user" for the account's), `event` of the
    message's type and, after a colon, what is executed: "executionReport:TRADE". `kinds` with more than
    one: drawn each time; they must be all of replies, or all of streams.
    """

    kinds: tuple[Kind, ...]
    method: str = "*"
    path: str = "*"
    stream: str = "*"
    event: str = "*"
    params: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    skip: int = 0
    probability: float = 1.0
    placed: bool | None = None
    seconds: float = 0.0
    fraction: Decimal = Decimal("0.5")
    status: int = 0
    code: int = 0
    text: str = ""
    hits: int = 0
    started: float = 0.0
    removed: bool = False

    @property
    def spent(self) -> bool:
        return self.removed or (self.count != FOREVER and self.hits >= self.count)

    def carried_out(self, kind: Kind) -> bool:
        return self.placed if self.placed is not None else kind not in NOT_PLACED

    def concerns(self, event: str) -> bool:
        return fnmatchcase(event, self.event) or fnmatchcase(event.partition(":")[0], self.event)

    def remove(self) -> None:
        self.removed = True


class Faults:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"faults {seed}")
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        for fault in self._faults:
            fault.remove()
        self._faults.clear()

    @property
    def active(self) -> list[Fault]:
        return [fault for fault in self._faults if not fault.spent]

    def for_request(
        self, among: Collection[Kind], method: str, path: str, params: Mapping[str, str]
    ) -> tuple[Kind, Fault] | None:
        """The first that matches, used once."""
        for fault in self._faults:
            if (
                (fnmatchcase(method, fault.method) if method != "WS" else fault.method == "WS")
                and _path_matches(path, fault.path)
                and all(params.get(key) == value for key, value in fault.params.items())
                and (kind := self._use(fault, among))
            ):
                return kind, fault
        return None

    def for_message(self, stream: str, event: str) -> tuple[Kind, Fault] | None:
        for fault in self._faults:
            if not fnmatchcase(stream, fault.stream) or not fault.concerns(event):
                continue
            if fault.kinds == (Kind.STALL,):
                if self._stalls(fault):
                    return Kind.STALL, fault
                continue
            if kind := self._use(fault, STREAMS):
                return kind, fault
        return None

    def _use(self, fault: Fault, among: Collection[Kind]) -> Kind | None:
        if fault.spent or fault.kinds[0] not in among:
            return None
        if fault.probability < 1.0 and self._random.random() >= fault.probability:
            return None
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.hits += 1
        return fault.kinds[0] if len(fault.kinds) == 1 else self._random.choice(fault.kinds)

    def _stalls(self, fault: Fault) -> bool:
        """Lasts by time, not by count."""
        if fault.removed:
            return False
        fault.started = fault.started or time.monotonic()
        if fault.seconds and time.monotonic() - fault.started > fault.seconds:
            fault.removed = True
            return False
        fault.hits += 1
        return True


def _path_matches(path: str, pattern: str) -> bool:
    """A pattern without a leading slash or star may match the path's end."""
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")
