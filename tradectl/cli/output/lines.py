"""The plain log of a run without a panel: a line for each thing worth knowing, for pipes and files.

    2026-11-22T20:01:02Z FILL buy 0.01 BTCUSDT @ 60000.00 fee 0.6 (7f3a-123-1)

Nothing here needs Rich.
"""

from __future__ import annotations

from tradectl.cli.output import figures
from tradectl.documents.run import AlertRow, LiveStatus
from tradectl.domain.events import Record
from tradectl.domain.text import harmless
from tradectl.domain.time import iso
from tradectl.logs.event_words import EventWords


class LineLog:
    """Formats records, alerts and heartbeats; the caller prints them."""

    def __init__(self) -> None:
        self._words = EventWords()

    def line(self, record: Record) -> str | None:
        """The record's line, or None when it is not worth one."""
        line = self._words.of(record.event)
        return None if line is None else f"{_stamp(record.at)} {line}"

    def alert(self, alert: AlertRow, at: int) -> str:
        """At `at` ns UTC."""
        times = figures.count(alert.count or 1)
        repeated = "" if times == "1" else f" ({times} times)"
        by = f" ({harmless(alert.component)})" if alert.component else ""
        return (
            f"{_stamp(at)} ALERT {alert.severity.upper()} {harmless(alert.message)}{repeated}{by}"
        )

    def heartbeat(self, status: LiveStatus, at: int) -> str:
        """How the run is doing."""
        equity = status.portfolio.equity if status.portfolio is not None else None
        facts = [
            f"{harmless(status.state)} {figures.mode_words(status.mode, status.source)}".rstrip(),
            f"equity {figures.money(equity)}",
            f"pnl {figures.money(figures.net(status.portfolio), signed=True)}",
            f"positions {len(status.positions)}",
            f"orders {len(status.open_orders)}",
            f"events {figures.count(status.bus.processed)}",
            figures.rate(status.bus.rate),
        ]
        if progress := status.progress:
            facts.append(f"{float(progress.fraction or 0):.0%}")
            facts.append(f"left {figures.duration(progress.eta_s)}")
        if status.alerts:
            facts.append(f"alerts {len(status.alerts)}")
        return f"{_stamp(at)} STATUS {', '.join(facts)}"


def _stamp(at: int) -> str:
    """Recorded time has not begun before the first event: there is none to show then."""
    return f"{iso(at)[:19]}Z" if at else "-"


__all__ = ["LineLog"]
