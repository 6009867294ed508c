"""The first decision that two runs do not share, and what was another before it.

Decisions are compared in their order, with the time of the data that led to them. Where they part, what
came before is held against each other: market data, configuration and code, commands and restrictions,
fills, the time of fills. The first of these that differs is the cause; where none does, it was the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec

from tradectl.documents.compare import DecisionMade, DifferenceCause, FirstDifference
from tradectl.domain.event import RestrictionKind, wire_name
from tradectl.domain.events import (
    CommandReceived,
    LimitBreached,
    MarketDataEvent,
    OrderFilled,
    OrderRejected,
    Record,
    SymbolRestricted,
    WarmUpReceived,
    WeightsComputed,
)
from tradectl.domain.money import plain
from tradectl.domain.time import iso
from tradectl.explain.compared_run import Decision
from tradectl.journal.writer import Header

DECIDING = (
    "strategies", "symbols", "instruments", "account", "portfolio", "allocation", "history",
    "risk", "execution", "engine",
)  # fmt: skip
"""Sections of the configuration that decisions are made by."""
OF_ORCHESTRATOR = (
    "max_concurrent_orders", "risk_check_interval_seconds", "portfolio_rebalance_interval_seconds",
)  # fmt: skip
OF_PAPER = "fill", "decides_on_ms"
"""What is sized at an open is decided at another price than what trades at the close before it."""
MOST_EVIDENCE = 6
NAMED_BY_FEED = "source_component", "trade_id", "ts"
"""Of a market event: who brought it, and its time, which is told beside it."""
TOLD = "kind", "symbol", "time", "price", "volume"
Records = Callable[[], Iterable[Record]]
"""Gives the records of a run from its beginning, each time that it is called."""


class Decisions:
    """Those of two runs as they come, whichever comes first: held until the other's is there, too."""

    def __init__(self) -> None:
        self._waiting: tuple[deque[Decision], deque[Decision]] = deque(), deque()
        self.same = 0
        self.parted: tuple[Decision | None, Decision | None] | None = None

    def take(self, of_b: bool, found: Decision | None) -> None:
        if found is None or self.parted is not None:
            return
        a, b = self._waiting
        self._waiting[of_b].append(found)
        while a and b:
            if not a[0].is_as(b[0]):
                self._part(a[0], b[0])
                return
            a.popleft()
            b.popleft()
            self.same += 1

    def _part(self, a: Decision | None, b: Decision | None) -> None:
        self.parted = a, b
        for waiting in self._waiting:
            waiting.clear()

    def end(self) -> None:
        """Both runs are over: what is left has no counterpart."""
        a, b = self._waiting
        if self.parted is None and (a or b):
            self._part(a[0] if a else None, b[0] if b else None)


class Compared(NamedTuple):
    """A run, and the decision of it that is another (None: it has no such one)."""

    header: Header
    records: Records
    parted: Decision | None

    def is_before(self, seq: int) -> bool:
        """The record came before the decision."""
        return self.parted is None or seq < self.parted.seq


def first_difference(
    decisions: Decisions, a: tuple[Header, Records], b: tuple[Header, Records]
) -> FirstDifference | None:
    """None where every decision is the same. The records are read again up to where they part."""
    if decisions.parted is None:
        return None
    one, two = decisions.parted
    cause, evidence = _cause(Compared(*a, one), Compared(*b, two))
    return FirstDifference(
        same_before=decisions.same,
        a=None if one is None else _made(one),
        b=None if two is None else _made(two),
        cause=cause,
        evidence=evidence[:MOST_EVIDENCE],
    )


def _made(found: Decision) -> DecisionMade:
    event: Any = found.record.event
    what = dict(found.what)
    return DecisionMade(
        seq=found.seq,
        time=iso(found.at),
        data_time=iso(found.moment),
        type=wire_name(type(event).__name__),
        symbol=_symbol(found),
        decision=what,
        reason=getattr(event, "reason", "") or getattr(event, "message", ""),
    )


OTHER_INPUTS = CommandReceived, LimitBreached, OrderRejected, WeightsComputed
_NAMED_BY_RUN = (
    "order_id", "venue_order_id", "trade_id", "ts", "by", "message", "actual", "request",
)  # fmt: skip


def _plain(event: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(event)
    for name in _NAMED_BY_RUN:
        plain.pop(name, None)
    return plain


def _cause(a: Compared, b: Compared) -> tuple[DifferenceCause, list[str]]:
    """The first that differs, and what is to be said of it."""
    looks: tuple[tuple[DifferenceCause, Iterator[str]], ...] = (
        (DifferenceCause.DATA, _data(a, b)),
        (DifferenceCause.CONFIG, _config(a.header, b.header)),
        (DifferenceCause.INPUT, _inputs(a, b)),
        (DifferenceCause.FILL, _fills(a, b)),
        (DifferenceCause.LATENCY, _latency(a, b)),
    )
    for cause, found in looks:
        evidence = list(found)
        if evidence:
            return cause, evidence
    return DifferenceCause.CLOCK, ["data, configuration, commands and fills before it are the same"]


Heard = dict[str, Any]
"""A market event: its kind, its own time (ns), and all that strategies may go by."""


def _data(a: Compared, b: Compared) -> Iterator[str]:
    """Event by event, whenever each came in: as far as the earlier of the two decisions, for what came
    later had no part in it."""
    streams = _market(a.records()), _market(b.records())
    for place, (one, two) in enumerate(zip_longest(*streams, fillvalue=(0, None)), 1):
        if not (a.is_before(one[0]) and b.is_before(two[0])):
            return
        if one[1] != two[1]:
            heard = _event(one[1], two[1]), _event(two[1], one[1])
            yield f"market event {place}: A has {heard[0]}, B has {heard[1]}"
            return


def _market(records: Iterable[Record]) -> Iterator[tuple[int, Heard]]:
    """By the number of its record; what only warmed strategies up as well."""
    for record in records:
        event = record.event
        if isinstance(event, MarketDataEvent):
            yield record.seq, _heard(event, record.at, "")
        elif isinstance(event, WarmUpReceived):
            for shown in event.events:
                yield record.seq, _heard(shown, record.at, "warm-up: ")


def _heard(event: MarketDataEvent, at: int, why: str) -> Heard:
    fields = msgspec.structs.asdict(event)
    for name in NAMED_BY_FEED:
        fields.pop(name)
    kind = wire_name(type(event).__name__).replace("market_data", "trade").replace("_", " ")
    return fields | {"kind": why + kind, "time": event.ts or at}


def _event(heard: Heard | None, other: Heard | None) -> str:
    """With what else is another than in the `other`."""
    if heard is None:
        return "no more"
    told = f"{heard['kind']} of {heard['symbol']} at {iso(heard['time'])}: "
    told += f"{heard['price']} x {heard['volume']}"
    if other is None or other["kind"] != heard["kind"]:
        return told
    differ = (n for n in heard if n not in TOLD and heard[n] != other[n])
    return told + "".join(f", {name} {_spelled(heard[name])}" for name in differ)


def _spelled(value: Any) -> str:
    """A list of levels is too long for a line."""
    return "another" if isinstance(value, tuple) else str(value)


def _config(a: Header, b: Header) -> Iterator[str]:
    for section in DECIDING:
        yield from _differ(a.config.get(section), b.config.get(section), section)
    for section, names in (("orchestrator", OF_ORCHESTRATOR), ("paper", OF_PAPER)):
        one, two = (each.config.get(section, {}) for each in (a, b))
        for name in names:
            yield from _differ(one.get(name), two.get(name), f"{section}.{name}")
    for name in sorted({*a.strategies} & {*b.strategies}):
        if a.strategies[name] != b.strategies[name]:
            yield f"the code of the strategy {name} is another"
    for name in ("cash", "positions", "targets"):
        if a.state.get(name) != b.state.get(name):
            yield f"the account that it began with had other {name}"


def _differ(a: Any, b: Any, path: str) -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in dict.fromkeys([*a, *b]):
            yield from _differ(a.get(name), b.get(name), f"{path}.{name}")
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        for place, (one, two) in enumerate(zip(a, b, strict=True)):
            named = one.get("name", place) if isinstance(one, dict) else place
            yield from _differ(one, two, f"{path}.{named}")
    elif a != b:
        yield f"{path}: A has {_said(a)}, B has {_said(b)}"


def _said(value: Any) -> str:
    return "the default" if value is None else str(value)


def _inputs(a: Compared, b: Compared) -> Iterator[str]:
    streams = (
        (r for r in each.records() if isinstance(r.event, OTHER_INPUTS) and each.is_before(r.seq))
        for each in (a, b)
    )
    for one, two in zip_longest(*streams):
        if one is None or two is None or _plain(one.event) != _plain(two.event):
            yield from (f"{name} had {_said_of(r)}" for name, r in (("A", one), ("B", two)) if r)
            return
    yield from _restrictions(a, b)


def _restrictions(a: Compared, b: Compared) -> Iterator[str]:
    """Those in force on what was decided about: one that was over by then held nothing back, as all
    decisions before were the same."""
    symbols = _decided_about(a, b)
    of_a, of_b = _in_force(a, symbols), _in_force(b, symbols)
    for name, ours, theirs in (("A", of_a, of_b), ("B", of_b, of_a)):
        for key, record in ours.items():
            if key not in theirs:
                yield f"{name} had {_said_of(record)}"


def _in_force(run: Compared, symbols: set[str]) -> dict[tuple[str, RestrictionKind], Record]:
    found: dict[tuple[str, RestrictionKind], Record] = {}
    for record in run.records():
        if not run.is_before(record.seq):
            break
        event = record.event
        if isinstance(event, SymbolRestricted) and event.symbol in symbols:
            found.pop((event.symbol, event.kind), None)
            if event.restricted:
                found[event.symbol, event.kind] = record
    return found


def _decided_about(a: Compared, b: Compared) -> set[str]:
    return {_symbol(each.parted) for each in (a, b) if each.parted is not None}


def _symbol(found: Decision) -> str:
    event: Any = found.record.event
    return str(getattr(event, "symbol", "") or event.order.symbol)


def _said_of(record: Record) -> str:
    event: Any = record.event
    kind = wire_name(type(event).__name__).replace("_", " ")
    said = next(
        (s for n in ("command", "kind", "code", "reason") if (s := getattr(event, n, ""))), ""
    )
    return f"{kind} {said} at {iso(record.at)}"


def _fill_pairs(a: Compared, b: Compared) -> Iterator[tuple[Record | None, Record | None]]:
    """As long as one of the two came before its run's decision."""
    streams = ((r for r in each.records() if isinstance(r.event, OrderFilled)) for each in (a, b))
    for one, two in zip_longest(*streams):
        if not ((one and a.is_before(one.seq)) or (two and b.is_before(two.seq))):
            return
        yield one, two


def _fills(a: Compared, b: Compared) -> Iterator[str]:
    """The first that differs: of what was decided about, where there is one."""
    others, symbols = "", _decided_about(a, b)
    for place, (one, two) in enumerate(_fill_pairs(a, b), 1):
        if one is None or two is None or _plain(one.event) != _plain(two.event):
            said = f"fill {place}: A has {_fill(one)}, B has {_fill(two)}"
            if symbols & {_filled(each) for each in (one, two) if each is not None}:
                yield said
                return
            others = others or said
    if others:
        yield others


def _filled(record: Record) -> str:
    event: Any = record.event
    return str(event.symbol)


def _fill(record: Record | None) -> str:
    if record is None:
        return "none"
    fill: Any = record.event
    paid = f" ({plain(fill.fee_paid)} {fill.fee_currency})" if fill.fee_paid else ""
    return (
        f"{fill.side} {plain(fill.quantity)} {fill.symbol} at {plain(fill.price)}, "
        f"fee {plain(fill.fee)}{paid}"
    )


def _latency(a: Compared, b: Compared) -> Iterator[str]:
    """The same fills, booked earlier or later."""
    for place, (one, two) in enumerate(_fill_pairs(a, b), 1):
        if one is not None and two is not None and one.at != two.at:
            yield f"fill {place} was booked at {iso(one.at)} in A, at {iso(two.at)} in B"
            return


__all__ = ["Decisions", "Records", "first_difference"]
