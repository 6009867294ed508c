"""How commands reach an exchange: by the name that the configuration gives it, or by ccxt's id."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import ConfigError, ExchangeError, NotExecuted, UsageError

if TYPE_CHECKING:
    from tradectl.config.settings import Settings
    from tradectl.exchange.exchange_settings import ExchangeSettings
    from tradectl.exchange.venue import Venue


def chosen(exchange: str, config: Path | None) -> tuple[Settings, ExchangeSettings]:
    """The settings, and in them the exchange of that name, or ccxt's of that id. Raises UsageError."""
    from tradectl.config.load import load_settings
    from tradectl.runtime.exchanges import on_exchange

    settings = load_settings(config)
    try:
        settings = on_exchange(settings, exchange)
    except ConfigError as error:
        raise UsageError(f"no exchange is called {exchange!r:.60}: `tradectl exchanges`") from error
    return settings, settings.exchanges[0]


@contextlib.asynccontextmanager
async def open_public_venue(
    settings: ExchangeSettings,
    symbols: Mapping[str, str],
    now: Callable[[], int] = ComputerClock.wall,
) -> AsyncIterator[Venue]:
    """Without keys: none is needed to look. `now` is the clock of whoever reads its data."""
    from tradectl.runtime.exchanges import make_venue

    venue = make_venue(settings, symbols, private=False, now=now)
    try:
        await _reach(venue)
        yield venue
    finally:
        with contextlib.suppress(ExchangeError):
            await venue.close()


async def _reach(venue: Venue) -> None:
    try:
        await venue.open()
    except NotExecuted as error:
        raise NotExecuted(f"{venue.name} cannot be reached: {error}", error.retry_after) from error


__all__ = ["chosen", "open_public_venue"]
