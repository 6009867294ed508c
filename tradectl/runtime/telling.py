"""Who tells people of a run's alerts and trades, by its settings. Nobody where no channel is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tradectl.config.settings import Settings
from tradectl.domain.errors import StateError
from tradectl.notification.notice import TRADES
from tradectl.storage.directory import StateDir

if TYPE_CHECKING:
    from tradectl.monitoring.trade_notices import TradeNotices
    from tradectl.notification.channel import Channel
    from tradectl.notification.dispatcher import Dispatcher
    from tradectl.notification.routes import Routes
    from tradectl.runtime.session import Session

TRADE_NOTICES = "trade-notices"
LATE_S = 1.0
"""So much later than it should by itself a channel that has not failed by then hangs."""


def dispatcher_of(
    settings: Settings, state_dir: StateDir, environ: Mapping[str, str] | None
) -> Dispatcher | None:
    """Raises ConfigError for a channel that cannot be used."""
    configured = settings.alert_channels
    if not configured:
        return None
    from tradectl.notification.channels import open_channel  # only where somebody is told
    from tradectl.notification.dispatcher import Dispatcher
    from tradectl.notification.outbox import Outbox
    from tradectl.storage.outbox_rows import OutboxRows

    variables = os.environ if environ is None else environ
    channels: dict[str, tuple[Channel, float]] = {
        each.name: (open_channel(each, variables, state_dir.path), each.timeout_seconds + LATE_S)
        for each in configured
    }
    rows = OutboxRows(state_dir.db)

    def is_in_hand(alert_id: str) -> bool:
        try:
            return rows.is_in_hand(alert_id)
        except StateError:
            return False  # rather told once too often

    outbox = Outbox(
        configured,
        routes_of(settings),
        is_in_hand=is_in_hand,
        keep_hours=settings.alerts.keep_hours,
        repeat_seconds=settings.alerts.repeat_seconds,
    )
    return Dispatcher(outbox, channels, rows)


def routes_of(settings: Settings) -> Routes:
    from tradectl.notification.routes import Routes  # only where somebody is told

    return Routes(
        [each.name for each in settings.alert_channels],
        settings.alert_routes,
        settings.alert_escalations,
        settings.alerts,
        settings.account.time_zone,
    )


def tells_of_trades(settings: Settings) -> bool:
    return any(route.about == TRADES for route in settings.alert_routes)


def trade_notices(session: Session, dispatcher: Dispatcher, *, joins: bool = False) -> TradeNotices:
    """Of a session; one that `joins` it while it trades knows the day from there on."""
    from tradectl.monitoring.account_days import AccountDays
    from tradectl.monitoring.trade_notices import TradeNotices
    from tradectl.storage.reader import StateReader

    settings, reader = session.settings, StateReader(session.state_dir.db)
    account, instruments = session.books.account.account_id, settings.all_instruments()
    return TradeNotices(
        session.bus,
        session.books,
        session.run_id,
        dispatcher.put,
        time_zone=settings.account.time_zone,
        days=None if joins else AccountDays(reader, account, session.run_id, instruments),
        joins=joins,
    )


__all__ = ["TRADE_NOTICES", "dispatcher_of", "routes_of", "tells_of_trades", "trade_notices"]
