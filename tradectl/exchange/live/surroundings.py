"""What all parts of a live exchange stand on."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tradectl.bus.clock import Sleep
from tradectl.domain.instruments import Instruments
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.tasks import BackgroundTasks
from tradectl.exchange.venue import Venue


class Surroundings(Struct, frozen=True):
    """`now` gives ns UTC, `monotonic` seconds."""

    venue: Venue
    settings: ExchangeSettings
    symbols: tuple[str, ...]
    instruments: Instruments
    post: Post
    reporter: ExecutionReporter
    tasks: BackgroundTasks
    now: Callable[[], int]
    monotonic: Callable[[], float]
    sleep: Sleep

    @property
    def name(self) -> str:
        return self.settings.prefix


__all__ = ["Surroundings"]
