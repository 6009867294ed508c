"""A backtest as documents: what came of it, and its row among those that were kept."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.run import Summary
from tradectl.documents.values import Amount, Time

Value = bool | int | float | str


class DataFile(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A file of recorded data as it is stored: its `size` in bytes, and the SHA-256 of all of them. Its
    symbols are those of the `exchange`, where one is named."""

    path: str
    size: int
    sha256: str
    exchange: str = ""

    @property
    def named(self) -> str:
        """As `--data` names it."""
        return f"{self.exchange}:{self.path}" if self.exchange else self.path


class Headline(Struct, kw_only=True, frozen=True):
    """What a report says first, by the same names: in the conventions of `analysis.statistics`."""

    sharpe: float | None
    trips: int
    win_rate_pct: float | None
    hold_pct: float


class Backtest(Summary, kw_only=True, frozen=True):
    """The summary of a run on recorded data, with what it was a run of: `config` is the file (empty: the
    defaults), `data_hash` one hash over all of `data`, `since` and `until` the part that was played
    (null: without a bound), `fill` where orders traded, `parameters` those that were chosen, by strategy.

    `headline` is null where there is no journal to work it out of, and where that would take long: the
    report has it. `key` is the same for the same question: version, settings, strategies' sources, data,
    part. `is_kept` tells that the answer is of `made_at` and was not worked out again."""

    key: str
    made_at: Time
    is_kept: bool
    config: str
    config_hash: str
    fill: str
    strategy_names: list[str]
    parameters: dict[str, dict[str, Value]]
    symbols: list[str]
    data: list[DataFile]
    data_hash: str
    data_from: Time | None
    data_to: Time | None
    since: Time | None
    until: Time | None
    return_pct: Amount
    headline: Headline | None = None


class BacktestRow(Struct, kw_only=True, frozen=True):
    """A kept backtest in a list: what it was of, and its headline figures. `parameters` are those that
    were chosen, by strategy."""

    run_id: str
    made_at: Time
    config: str
    config_hash: str
    data: list[str]
    data_hash: str
    data_from: Time | None
    data_to: Time | None
    symbols: list[str]
    strategies: list[str]
    parameters: dict[str, dict[str, Value]]
    fill: str
    pnl: Amount
    return_pct: Amount
    max_drawdown_pct: Amount
    orders: int
    fills: int
    reason: str
    journal: str
    headline: Headline | None


def row_of(found: Backtest) -> BacktestRow:
    return BacktestRow(
        run_id=found.run_id,
        made_at=found.made_at,
        config=found.config,
        config_hash=found.config_hash,
        data=[file.named for file in found.data],
        data_hash=found.data_hash,
        data_from=found.data_from,
        data_to=found.data_to,
        symbols=found.symbols,
        strategies=found.strategy_names,
        parameters=found.parameters,
        fill=found.fill,
        pnl=found.pnl,
        return_pct=found.return_pct,
        max_drawdown_pct=found.max_drawdown_pct,
        orders=found.run_orders,
        fills=found.run_fills,
        reason=found.reason,
        journal=found.journal,
        headline=found.headline,
    )


__all__ = ["Backtest", "BacktestRow", "DataFile", "Headline", "row_of"]
