"""What a run warns of besides what happens in it: its database, its files, its data. Nothing of it is
decided upon, so it goes to the alerts alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tradectl.config.settings import Settings
from tradectl.domain.event import SystemEventKind
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import counted
from tradectl.feeds.base import Feed, Progress
from tradectl.feeds.simulated import SimulatedMarket, unknown_coins
from tradectl.monitoring.alert_manager import AlertManager


class RunWarnings:
    """Each is told where there is something to tell."""

    def __init__(self, alerts: AlertManager) -> None:
        self._alerts = alerts

    def of_the_account(
        self,
        foreign: Iterable[str],
        feed: Feed,
        settings: Settings,
        missing_funding: Mapping[str, str],
    ) -> None:
        """At the start of what trades it: files that are not ours, coins and funding not known."""
        self.foreign_files(foreign)
        if isinstance(feed, SimulatedMarket):
            self.unknown_coins(settings.undescribed(feed.symbols))
        self.no_funding(missing_funding)

    def database_made_anew(self, why: str) -> None:
        if why:
            self._warn(SystemEventKind.RECOVERED, why, "database")

    def history_missing(self, why: str) -> None:
        if why:
            self._warn(SystemEventKind.HISTORY_MISSING, why, "history")

    def foreign_files(self, found: Iterable[str]) -> None:
        for told in found:
            self._warn(SystemEventKind.FILE_FOREIGN, f"ignored as a halt latch: {told}", "halt")

    def bad_rows(self, progress: Progress) -> None:
        if not progress.bad_rows:
            return
        first = progress.bad_rows[0]
        message = (
            f"not traded on: {counted(progress.bad_count, 'bad row')}; "
            f"the first: {first.file}:{first.line}: {first.reason}"
        )
        if progress.left_out:
            message += f"; left out from there on: {', '.join(progress.left_out)}"
        self._warn(SystemEventKind.FEED_BAD_ROWS, message, "feed")

    def unknown_coins(self, undescribed: Collection[str]) -> None:
        """Symbols of the simulated market of which there is nothing but a name."""
        if told := unknown_coins(undescribed):
            self._warn(SystemEventKind.SYMBOL_UNKNOWN, told, "feed")

    def no_funding(self, missing: Mapping[str, str]) -> None:
        """Why, by symbol. Of recorded data it is known at its end."""
        if missing:
            message = "; ".join(f"{symbol}: {why}" for symbol, why in missing.items())
            self._warn(SystemEventKind.FUNDING_MISSING, message, "funding")

    def _warn(self, kind: SystemEventKind, message: str, component: str) -> None:
        self._alerts.raise_alert(kind, message, AlertSeverity.WARNING, component)


__all__ = ["RunWarnings"]
