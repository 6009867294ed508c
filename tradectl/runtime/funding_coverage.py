"""What a file of funding rates leaves out: perpetuals that it has no rates of, or not of all the time.

A rate that is not there is a cost that is not there, so it is said; and a file of rates where no
perpetual is traded does nothing at all, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.time import HOUR, iso
from tradectl.exchange.paper.funding_rates import FundingRates
from tradectl.runtime.session import Session


def refuse_useless_file(settings: Settings, symbols: Iterable[str]) -> None:
    """Raises UsageError where a file of rates is given and none of the `symbols` is a perpetual."""
    instruments, names = settings.all_instruments(), sorted(symbols)
    if settings.paper.funding_file and not any(instruments[name].can_short for name in names):
        raise UsageError(
            "--funding (paper.funding_file) is of perpetuals, and none is traded "
            f"({', '.join(names[:5])}): leave it out, or trade one"
        )


def not_covered(session: Session, symbols: Iterable[str], since: int, until: int) -> dict[str, str]:
    """Why not, by symbol: of the `symbols` that are perpetuals, or where none is, of all of them. The
    data goes from `since` to `until` (ns UTC). Nothing where no file was given."""
    gateway, paper = session.gateway, session.settings.paper
    if gateway.remote or not paper.funding_file:
        return {}
    instruments = session.books.instruments
    perpetuals = [symbol for symbol in symbols if instruments[symbol].can_short]
    if not perpetuals:
        return dict.fromkeys(symbols, "no perpetual, the file does nothing for it")
    interval = paper.funding_interval_hours * HOUR
    lacks = {s: _lack(gateway.funding_rates, s, interval, since, until) for s in perpetuals}
    return {symbol: lack for symbol, lack in lacks.items() if lack}


def _lack(rates: FundingRates, symbol: str, interval: int, since: int, until: int) -> str:
    """Whole intervals without a rate at either end are missed moments."""
    if rates.is_constant(symbol):
        return ""
    known = rates.known_of(symbol)
    if known is None:
        return "no rates in the file"
    first, last = known
    if first - since > interval:
        return f"the file's rates begin at {iso(first)}"
    return f"the file's rates end at {iso(last)}" if until - last > interval else ""


__all__ = ["not_covered", "refuse_useless_file"]
