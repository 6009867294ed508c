"""What there is to trade, on and with: exchanges, markets, recordings of them, strategies."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tradectl.documents.values import Amount, Time
from tradectl.domain.instruments import InstrumentKind


class ExchangeRow(Struct, kw_only=True, frozen=True):
    """An exchange by ccxt's word. `certified` ones are tested by its makers; `passphrase`: its keys have
    a third part."""

    id: str
    name: str
    certified: bool
    websocket: bool
    spot: bool
    perpetual: bool
    testnet: bool
    passphrase: bool
    described: bool
    """it has a table here: what follows is known of it, and not ccxt's word alone"""
    user_stream: bool
    """its orders or fills are pushed"""
    lookup_by_client_id: bool
    stops: list[str]
    """kinds of market in which stops rest there"""
    dead_man_switch: list[str]
    """the same of a switch that cancels our orders alone"""
    funding_history: bool
    position_modes: list[str]
    tested_by: list[str]
    """tests that it passes at a playback of it; none was run at the exchange itself"""


class ProvenKind(Struct, kw_only=True, frozen=True):
    """What is proven of a kind of market: `cases` of the contract that hold in `tests`, what it `cannot`,
    and the `source` of the shapes that are played back."""

    kind: str
    tests: list[str]
    cases: list[str]
    cannot: list[str]
    source: str


class ExchangeDetail(ExchangeRow, kw_only=True, frozen=True):
    """All that is known of an exchange. `fence`: how long a signed order may live, by what it is said to
    the exchange; `fence_read_in`: the document of its own that says so, empty where none was read."""

    proven: list[ProvenKind]
    cannot: list[str]
    fence: str
    fence_read_in: str
    note: str


class MarketRow(Struct, kw_only=True, frozen=True):
    """A market with its rules, null where it cannot be traded (`supported` false); `note` says why."""

    symbol: str
    unified: str
    kind: InstrumentKind | None
    quote: str | None
    tick_size: Amount | None
    lot_size: Amount | None
    min_notional: Amount | None
    active: bool
    supported: bool
    note: str


class EventLag(Struct, kw_only=True, frozen=True):
    """How late the newest trades of an exchange came, by its own clock: milliseconds from its date of one
    to our having it. `clock_offset_ms` is how far that clock is ahead of ours, null where it does not
    tell: the lag is by ours then."""

    p50_ms: float
    p99_ms: float
    clock_offset_ms: float | None


class RecordingProgress(Struct, kw_only=True, frozen=True):
    """How far a recording is: events in all and by symbol, the age of each symbol's data, by exchange how
    late it comes, and what the feed did (`received`, `delivered`, `reconnects`, ...)."""

    elapsed_s: float
    events: int
    by_symbol: dict[str, int]
    data_age_s: dict[str, float]
    event_lag: dict[str, EventLag]
    counts: dict[str, int]


class RecordingSummary(RecordingProgress, kw_only=True, frozen=True):
    journal: str
    run_id: str
    source: str
    symbols: list[str]
    started_at: Time
    ended_at: Time
    reason: str
    bytes: int
    state_hash: str


class AvailableStrategy(Struct, kw_only=True, frozen=True):
    """`parameters` with their defaults, where it comes from, and what is
    wrong with it, if anything is."""

    name: str
    description: str
    parameters: dict[str, Any]
    origin: str
    problem: str


class StrategyParameter(Struct, kw_only=True, frozen=True):
    """`low` and `high` are the ends of its range, both included and null where there is none; `choices`
    the only values it may have, if any."""

    type: str
    default: bool | int | float | str
    low: int | float | None
    high: int | float | None
    choices: list[bool | int | float | str]
    meaning: str


class StrategyDescription(Struct, kw_only=True, frozen=True):
    """One strategy in full: its `idea`, the `data` that it hears, how many `warm_up_of` (bars, trades,
    ...) it must have seen before it is itself, with the parameters' defaults, and whether one object
    sees all its symbols."""

    name: str
    idea: str
    parameters: dict[str, StrategyParameter]
    data: list[str]
    timeframes: list[str]
    warm_up: int
    warm_up_of: str
    several_symbols: bool
    origin: str
