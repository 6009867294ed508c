"""What of brackets rests at an exchange, and what is done here in its place: on paper as with money."""

from __future__ import annotations

from tradectl.config.settings import Settings
from tradectl.doctor.finding import passed
from tradectl.documents.operations import Finding

WATCHED = (
    "watched here, for as long as a run trades: when a price touches one, its stop is cancelled, "
    "and once that is confirmed it is sold at market"
)
RESTS = "rest at the exchange beside the stops, reduce-only"
MOVED = "moved by us, for as long as a run trades: "


def brackets(name: str, settings: Settings, *, is_spot: bool) -> list[Finding]:
    """Of an exchange of that name, or of one of the simulated market's kinds."""
    found = [s.bracket for s in settings.strategies if s.bracket.has_legs]
    findings = []
    if any(each.take_profit_pct or each.take_profit_price for each in found):
        findings.append(passed(f"{name}: take-profits", WATCHED if is_spot else RESTS))
    if any(each.trailing_pct for each in found):
        how = "the old stop is cancelled first" if is_spot else "the new stop rests first"
        findings.append(passed(f"{name}: trailing stops", MOVED + how))
    return findings


def simulated_brackets(settings: Settings) -> list[Finding]:
    """Where the simulated market is traded: of its spot symbols, and of its perpetuals."""
    known = settings.all_instruments()
    kinds = sorted({known[symbol].can_short for symbol in settings.symbols})
    return [
        finding
        for can_short in kinds
        for finding in brackets(
            "paper perpetuals" if can_short else "paper spot", settings, is_spot=not can_short
        )
    ]


__all__ = ["brackets", "simulated_brackets"]
