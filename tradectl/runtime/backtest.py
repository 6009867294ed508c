"""A backtest: a run on recorded data at full speed, whose result is kept and found again.

It is `run --data` and nothing else: the same feed, system and journal. What is added is the question that
it answers, as a hash, so that a question which was answered is not worked out again.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from tradectl.analysis.run_analysis import analyse
from tradectl.bus.clock import ComputerClock
from tradectl.documents.backtest import Backtest, Headline
from tradectl.documents.run import Summary
from tradectl.domain.endings import BY_SIGNAL
from tradectl.domain.errors import Interrupted, JournalError, StateError, UsageError
from tradectl.domain.events import WIRE_VERSION
from tradectl.domain.money import decimal_text
from tradectl.domain.time import iso
from tradectl.feeds.base import Progress
from tradectl.feeds.data_files import hash_of, hashed
from tradectl.feeds.recorded import RecordedFeed
from tradectl.files.places import expanded
from tradectl.journal.writer import FORMAT
from tradectl.report.builder import statistics_of
from tradectl.runtime.run import Screen, TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade_on_recorded_data
from tradectl.storage.kept_backtests import KeptBacktests
from tradectl.system.trading_system import module_hashes, strategy_hashes
from tradectl.version import __version__

COMPLETE = ("end of data", "halted")
"""How a run ends that has answered its question."""
HEADLINE_RECORDS = 100_000
"""As many are looked through for the headline figures in half a second; of more the report has them."""


class BacktestQuestion:
    """What `options` ask, of the data as it is now; `config` is the file that they come from, in words.

    Raises DataError, UsageError."""

    def __init__(self, options: RunOptions, config: str = "") -> None:
        if not options.data:
            raise UsageError("a backtest is of recorded data: add --data FILE")
        self.config = config
        self.data = hashed(options.data, options.settings.exchange_names())
        self.options = msgspec.structs.replace(options, data_files=tuple(self.data))
        self.data_hash = hash_of(self.data)
        self.key = self._key()
        self._kept = KeptBacktests(options.state_dir.backtests)
        self.not_kept: StateError | None = None
        """why the answer was not kept, where it should have been"""

    def _key(self) -> str:
        options, settings = self.options, self.options.settings
        funding = settings.paper.funding_file
        asked = (
            (__version__, FORMAT, WIRE_VERSION),
            settings.fingerprint(),
            sorted(strategy_hashes(settings, options.find).items()),
            sorted(module_hashes(settings, options.find).items()),
            self.data_hash,
            [file.sha256 for file in hashed([expanded(funding)])] if funding else [],
            sorted(options.columns.items()),
            (options.symbols, options.span, options.allow_truncated, options.flatten_at_end),
        )
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32]

    def kept(self) -> Backtest | None:
        """The answer, where it was worked out before and what it led to is still there."""
        found = self._kept.find(self.key)
        if found is None or (self.options.journalled and not _is_there(found.journal)):
            return None
        return msgspec.structs.replace(found, is_kept=True)

    async def answer(self, screen: Screen) -> Backtest:
        """Work it out, and keep it if it came to its end."""
        run, summary = await trade_on_recorded_data(self.options, screen)
        found = self._described(run, summary)
        if summary.reason in COMPLETE:
            try:
                self._kept.keep(found)
            except StateError as error:  # it was worked out, and is told all the same
                self.not_kept = error
        return found

    def _described(self, run: TradingRun, summary: Summary) -> Backtest:
        settings, span = self.options.settings, self.options.span
        feed = run.feed
        played = feed.progress if isinstance(feed, RecordedFeed) else Progress()
        cash = settings.account.cash
        gained = Decimal(summary.pnl) / cash * 100 if cash else Decimal(0)
        told = asdict(summary)
        if summary.reason in BY_SIGNAL and summary.halt is None:
            told["exit_code"] = Interrupted.exit_code
        return Backtest(
            **told,
            key=self.key,
            made_at=iso(ComputerClock.wall()),
            is_kept=False,
            config=self.config,
            config_hash=settings.fingerprint(),
            fill=settings.paper.fill,
            strategy_names=[strategy.name for strategy in settings.strategies],
            parameters={each.name: dict(each.parameters) for each in settings.strategies},
            symbols=list(feed.symbols),
            data=self.data,
            data_hash=self.data_hash,
            data_from=iso(played.first_ts) if played.first_ts else None,
            data_to=iso(played.last_ts) if played.last_ts else None,
            since=iso(span.since) if span.since else None,
            until=iso(span.until) if span.until else None,
            return_pct=decimal_text(round(gained, 4)),
            headline=_headline(summary),
        )


def _headline(summary: Summary) -> Headline | None:
    if not summary.journal or summary.events > HEADLINE_RECORDS:
        return None
    try:
        figures = statistics_of(analyse(Path(summary.journal)))
    except (
        JournalError
    ):  # its data went, or its disk: the backtest has come to its end all the same
        return None
    return Headline(
        sharpe=figures.sharpe,
        trips=figures.trips,
        win_rate_pct=figures.win_rate_pct,
        hold_pct=figures.hold_pct,
    )


def _is_there(journal: str) -> bool:
    return bool(journal) and Path(journal).is_file()


__all__ = ["BacktestQuestion"]
