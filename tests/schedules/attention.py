"""Whether anybody could see to an order of somebody else while a countdown runs at the exchange."""

from __future__ import annotations

from collections.abc import Callable

from tests.schedules.steps import Life
from tests.simulated_os.system import Clock
from tradectl.adapters.live_gateway import LiveGateway
from tradectl.domain.events import SystemEventKind
from tradectl.runtime.run import TradingRun
from tradectl.testkit.orders import Order


class Attention:
    """Of the process that trades, `life`, if any; it runs on the computer of this `clock`."""

    def __init__(self, clock: Clock, life: Callable[[], Life | None]) -> None:
        self._clock = clock
        self._life = life

    def is_missing(self, order: Order) -> bool:
        """Nobody hears of `order` now, or the exchange lets nobody through."""
        life = self._life()
        run = life.run if life is not None else None
        if life is None or run is None or life.process.stopped:
            return True
        if run.books.restrictions(order.symbol) or _cannot_disarm(run):
            return True
        return self._clock.sleeps and (not _knows(run, order) or _is_disarming(run))


def _cannot_disarm(run: TradingRun) -> bool:
    """It says so."""
    active = run.alerts.get_active_alerts()
    return any(alert.type == SystemEventKind.DEAD_MAN_FAILED for alert in active)


def _is_disarming(run: TradingRun) -> bool:
    """A request is on its way to the exchange."""
    gateway = run.gateway
    if not isinstance(gateway, LiveGateway):
        return False
    return any(exchange.dead_man._lock.locked() for exchange in gateway.exchanges)


def _knows(run: TradingRun, order: Order) -> bool:
    """It was told of the order."""
    gateway = run.gateway
    if not isinstance(gateway, LiveGateway):
        return False
    key = order.symbol, str(order.id)
    return any(key in exchange.tracker.foreign for exchange in gateway.exchanges)


__all__ = ["Attention"]
