"""Takes a run's records where no journal does, and works out what came of it as they come."""

from __future__ import annotations

from tradectl.analysis.round_trips import RoundTrip
from tradectl.documents.report import Report
from tradectl.domain.events import Record
from tradectl.domain.sealed import Sealed
from tradectl.journal.writer import Header
from tradectl.report.builder import Beside, ReportBuilder


class ReportListener:
    """`listen` is what a run without a journal is given; afterwards there is a `report`, and `trades`,
    those still open last."""

    strict = False
    sealed: Sealed | None = None

    def __init__(self) -> None:
        self.trades: list[RoundTrip] = []
        self._builder: ReportBuilder | None = None

    def listen(self, header: Header) -> ReportListener:
        self._builder = ReportBuilder(header, self.trades.append)
        return self

    def append(self, records: list[Record]) -> None:
        assert self._builder is not None
        for record in records:
            self._builder.take(record)

    def sync(self) -> None:
        pass

    def report(self, tradable_from: str | None, reason: str) -> Report:
        """All was taken, and the run ended for `reason`."""
        assert self._builder is not None
        return self._builder.end(beside=Beside(tradable_from=tradable_from), reason=reason)


__all__ = ["ReportListener"]
