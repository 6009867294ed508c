"""What is proven of an exchange, as `tradectl exchanges NAME` has it, for whoever trades there."""

from __future__ import annotations

from tradectl.doctor.finding import passed, warned
from tradectl.doctor.probe import ProbeResult
from tradectl.documents.operations import Finding
from tradectl.domain.errors import UsageError
from tradectl.exchange.ccxt_venue.described import exchange_detail


def proven(result: ProbeResult) -> Finding:
    name, exchange = f"{result.name}: proven", result.exchange
    try:
        found = exchange_detail(exchange.id)
    except UsageError as unknown:
        return warned(name, str(unknown))
    kind = next((kind for kind in found.proven if kind.kind == exchange.market), None)
    if kind is None:
        return warned(
            name,
            f"nothing of {exchange.market} there: it works by ccxt's defaults, or not",
            "begin with its test network, or with little money",
        )
    cannot = [*found.cannot, *kind.cannot]
    lacks = f"; {'; '.join(cannot)}" if cannot else ""
    return passed(
        name,
        f"{len(kind.cases)} cases with a playback of it, none with the real exchange{lacks}",
    )


__all__ = ["proven"]
