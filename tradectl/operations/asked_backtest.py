"""A backtest as it is asked for: the answer that was kept or a new one, and a page of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from tradectl.documents.backtest import Backtest
from tradectl.documents.report import Report
from tradectl.operations.run_report import refuse_unwritable, run_report, write_page
from tradectl.runtime.backtest import BacktestQuestion
from tradectl.runtime.report_listener import ReportListener
from tradectl.runtime.run import Screen
from tradectl.runtime.run_options import RunOptions
from tradectl.strategy.own_process import stdout_to_stderr


class Asked:
    """`html` is where a page goes, if one is wanted. Raises DataError, UsageError."""

    def __init__(self, options: RunOptions, config: str, screen: Screen, html: Path | None) -> None:
        self._listener: ReportListener | None = None
        self._html, self._screen = html, screen
        if html is not None:
            refuse_unwritable(html)
            if not options.journalled:
                self._listener = ReportListener()
                options = msgspec.structs.replace(options, listener=self._listener.listen)
        self._options = options
        with stdout_to_stderr():
            self._question = BacktestQuestion(options, config)

    def answer(self, *, again: bool) -> Backtest:
        """What strategies print goes to stderr. A page of a run without a journal is made as it runs."""
        kept = None if again or self._listener is not None else self._question.kept()
        if kept is not None:
            return kept
        with stdout_to_stderr():
            return asyncio.run(self._question.answer(self._screen))

    def refuse_not_kept(self) -> None:
        """Once the answer was told. Raises StateError."""
        if self._question.not_kept is not None:
            raise self._question.not_kept

    def write_page(self, found: Backtest) -> Report:
        """The report of which it is. Raises UsageError, JournalError."""
        assert self._html is not None
        if self._listener is None:
            return run_report(self._options.state_dir, found.journal or found.run_id, self._html)
        report = self._listener.report(found.tradable_from, found.reason)
        write_page(report, self._html)
        return report


__all__ = ["Asked"]
