"""Backtests in code, for notebooks: `from tradectl import backtest`.

    result = backtest("trades.csv.gz", MyStrategy, parameters={"fast": 10}, fill="close")
    result.equity, result.trades, result.statistics

It is the command's own run. Nothing is left behind unless a state directory is named: then there is a
journal, and the result is kept and found again.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from tradectl.analysis.round_trips import RoundTrip
from tradectl.config.load import load_settings
from tradectl.config.rules import on_paper
from tradectl.config.settings import Settings
from tradectl.documents.backtest import Backtest
from tradectl.domain.errors import UsageError
from tradectl.feeds.time_range import TimeRange, parse_range
from tradectl.report.builder import Beside, report_of
from tradectl.runtime.backtest import BacktestQuestion
from tradectl.runtime.backtest_result import BacktestResult
from tradectl.runtime.flags_in_code import told_in_code
from tradectl.runtime.report_listener import ReportListener
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import Recording, RunOptions
from tradectl.storage.directory import StateDir
from tradectl.strategy import catalog
from tradectl.strategy.base import Strategy
from tradectl.strategy.configured import StrategyInstance

Paths = str | Path | Sequence[str | Path]
Chosen = str | type[Strategy]
Value = bool | int | float | str
Moment = str | date | datetime


def backtest(
    data: Paths,
    strategy: Chosen | Sequence[Chosen] | None = None,
    *,
    parameters: Mapping[str, Value] | None = None,
    settings: Mapping[str, Value] | None = None,
    config: str | Path | None = None,
    symbols: str | Sequence[str] = (),
    since: Moment | None = None,
    until: Moment | None = None,
    fill: str | None = None,
    flatten_at_end: bool = False,
    columns: Mapping[str, str] | None = None,
    state_dir: str | Path | None = None,
    again: bool = False,
) -> BacktestResult:
    """What a strategy would have done on recorded `data`, files of trades, quotes or candles.

    `strategy` is a class, a name or `path/to/file.py:ClassName`, or several of them, with `parameters`;
    `settings` by their keys, as `{"account.cash": 50_000}`, over those of the file `config`. `since` and
    `until` are UTC, half-open; what comes before warms the strategies up. With `state_dir` there is a
    journal, and a result that was kept is given again unless `again`. Raises a TradectlError that says in
    one line what is wrong.
    """
    with told_in_code():
        span = parse_range(_spelled(since, "since"), _spelled(until, "until"))
        return _backtest(
            data, strategy, parameters, settings, config, symbols, span, fill, columns,
            state_dir, flatten_at_end=flatten_at_end, again=again,
        )  # fmt: skip


def _backtest(
    data: Paths,
    strategy: Chosen | Sequence[Chosen] | None,
    parameters: Mapping[str, Value] | None,
    settings: Mapping[str, Value] | None,
    config: str | Path | None,
    symbols: str | Sequence[str],
    span: TimeRange,
    fill: str | None,
    columns: Mapping[str, str] | None,
    state_dir: str | Path | None,
    *,
    flatten_at_end: bool,
    again: bool,
) -> BacktestResult:
    chosen = _chosen(strategy)
    given = {_name(one): one for one in chosen if not isinstance(one, str)}
    overrides: dict[str, Any] = {"symbols": tuple(_several(symbols, "symbols"))} if symbols else {}
    if fill is not None:
        overrides["paper"] = {"fill": fill}
    options = RunOptions(
        settings=_settings(chosen, parameters or {}, settings or {}, config, overrides),
        state_dir=StateDir(None if state_dir is None else Path(state_dir)),
        data=tuple(Path(path) for path in _several(data, "data")),
        columns=dict(columns or {}),
        span=span,
        symbols=tuple(_several(symbols, "symbols")),
        flatten_at_end=flatten_at_end,
        find=lambda name: given.get(name) or catalog.find(name),
    )
    source = "" if config is None else str(config)
    if state_dir is None:
        return _left_nowhere(options, source)
    return _kept(options, source, again=again)


def _kept(options: RunOptions, config: str, *, again: bool) -> BacktestResult:
    question = BacktestQuestion(options, config)
    found = None if again else question.kept()
    found = found or _answer(question)
    trips: list[RoundTrip] = []
    report = report_of(Path(found.journal), trips.append, Beside(tradable_from=found.tradable_from))
    return BacktestResult(found, report, trips)


def _left_nowhere(options: RunOptions, config: str) -> BacktestResult:
    listener = ReportListener()
    with tempfile.TemporaryDirectory(prefix="tradectl-") as folder:
        options = msgspec.structs.replace(
            options,
            state_dir=StateDir(Path(folder)),
            journal=Recording.NONE,
            listener=listener.listen,
        )
        found = _answer(BacktestQuestion(options, config))
    return BacktestResult(
        found, listener.report(found.tradable_from, found.reason), listener.trades
    )


class _NoScreen:
    """Shows nothing, and knows the run, to end it."""

    def __init__(self) -> None:
        self._run: TradingRun | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, run: TradingRun) -> None:
        self._run, self._loop = run, asyncio.get_running_loop()

    async def stop(self) -> None:
        self._run = None

    def interrupt(self) -> None:
        if self._run is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._run.end, "interrupted")


def _answer(question: BacktestQuestion) -> Backtest:
    """In a thread of its own where a loop runs already, as in a notebook."""
    try:
        return _answer_of(question)
    finally:
        gc.unfreeze()  # this process goes on


def _answer_of(question: BacktestQuestion) -> Backtest:
    screen = _NoScreen()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(question.answer(screen))
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lambda: asyncio.run(question.answer(screen)))
        try:
            return answer.result()
        except KeyboardInterrupt:
            screen.interrupt()
            raise


# --- what is asked -----------------------------------------------------------------------------------


def _chosen(strategy: Chosen | Sequence[Chosen] | None) -> Sequence[Chosen]:
    if strategy is None:
        return ()
    if isinstance(strategy, list | tuple):
        return strategy
    return (strategy,)  # type: ignore[return-value]  # whatever it is: `_name` refuses what is no strategy


def _name(one: Chosen) -> str:
    """A class that a file has at its top can be found by it again, and so a replay can."""
    if isinstance(one, str):
        return one
    if isinstance(one, Strategy):
        raise UsageError(
            f"expected a Strategy, or the name of one, got an object: give its class "
            f"{type(one).__name__} and parameters={{...}}"
        )
    if not (isinstance(one, type) and issubclass(one, Strategy)):
        raise UsageError(f"expected a Strategy, or the name of one, got {one!r:.60}")
    path = getattr(sys.modules.get(one.__module__), "__file__", None)
    at_top = path is not None and one.__qualname__ == one.__name__
    return f"{path}:{one.__name__}" if at_top and str(path).endswith(".py") else one.__name__


def _settings(
    chosen: Sequence[Chosen],
    parameters: Mapping[str, Value],
    settings: Mapping[str, Value],
    config: str | Path | None,
    overrides: dict[str, Any],
) -> Settings:
    """Strategies that are named are those of the settings, with these parameters; else those of the
    configuration. Raises ConfigError, UsageError."""
    assigned = dict(settings)
    if not chosen:
        assigned |= {f"strategy.{name}": value for name, value in parameters.items()}
    assignments = [f"{key}={_text(value)}" for key, value in assigned.items()]
    path = None if config is None else Path(config)
    found = on_paper(load_settings(path, overrides, assignments=assignments))
    if not chosen:
        return found
    instances = (
        StrategyInstance(_name(one).rpartition(":")[2], _name(one), parameters=dict(parameters))
        for one in chosen
    )
    return msgspec.structs.replace(found, strategies=tuple(instances))


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _several(one_or_more: Any, argument: str) -> Sequence[Any]:
    """Names. Raises UsageError."""
    several = (one_or_more,) if isinstance(one_or_more, str | Path) else one_or_more
    if not isinstance(several, Iterable) or isinstance(several, bytes):
        raise UsageError(f"{argument}: expected a name, or several, got {one_or_more!r:.60}")
    several = tuple(several)
    for one in several:
        if not isinstance(one, str | Path):
            raise UsageError(f"{argument}: expected names, got {one!r:.60}")
    return several


def _spelled(moment: Moment | None, argument: str) -> str | None:
    """Raises UsageError."""
    if moment is not None and not isinstance(moment, str | date):
        raise UsageError(f"{argument}: expected a text, a date or a datetime, got {moment!r:.60}")
    return moment if moment is None or isinstance(moment, str) else moment.isoformat()


__all__ = ["BacktestResult", "backtest"]
