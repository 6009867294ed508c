"""What the page is told: accounts at a glance, and all of the one that is looked at."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.run import AlertRow, Status
from tradectl.documents.values import Amount, Time


class WebBegun(Struct, kw_only=True, frozen=True):
    """`tradectl web` has begun: the address has the token and is for the user alone; it may act as
    `actions` say."""

    url: str
    accounts: list[str]
    actions: list[str]


class Glance(Struct, kw_only=True, frozen=True):
    """One state directory. `problem` says why it cannot be looked at, or looked at anew; what is shown
    beside it is what was seen last."""

    account: int
    path: str
    state: str
    mode: str
    running: bool
    equity: Amount | None
    day_pnl: Amount | None
    positions: int
    open_orders: int
    alerts: int
    problem: str


class EquityPoint(Struct, kw_only=True, frozen=True, array_like=True):
    """What the page's server saw then; `equity` for drawing."""

    time: Time
    equity: float


class View(Struct, kw_only=True, frozen=True):
    """One line of the stream. `status`, `alerts` (not resolved, newest first) and `equity` are of the
    account that is looked at; `actions` is what this page may do; `warning` is for whoever reads it."""

    at: Time
    actions: list[str]
    accounts: list[Glance]
    account: int
    status: Status | None
    alerts: list[AlertRow]
    equity: list[EquityPoint]
    warning: str = ""


class RunLine(Struct, kw_only=True, frozen=True):
    """A run in the list of reports."""

    run_id: str
    mode: str
    status: str
    started_at: Time
    ended_at: Time | None
    events: int
    orders: int
    fills: int
    pnl: Amount


__all__ = ["EquityPoint", "Glance", "RunLine", "View", "WebBegun"]
