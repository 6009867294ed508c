"""`exchanges`, `markets`: what there is, and by which rules; `record` writes market data down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.commands.public_venue import chosen, open_public_venue
from tradectl.cli.options import ConfigOption, JsonOption, print_data

if TYPE_CHECKING:
    from tradectl.documents.market import MarketRow
    from tradectl.exchange.venue import MarketInfo

MARKETS = ("spot", "perpetual")

MARKETS_HELP = """The markets of an exchange, with their rules.

EXCHANGE is a name of the configuration, or an id that `tradectl exchanges` lists.

Examples:

    tradectl markets binance --quote USDT

    tradectl markets okx --market perpetual --search sol
"""


EXCHANGES_HELP = """The exchanges that can be reached through ccxt; what is proven of the one named NAME.

Those that are described here come first, with what they can: stops that rest there, orders looked up by
our id, a dead-man switch. None was tested but with a playback of it.

Examples:

    tradectl exchanges

    tradectl exchanges bybit
"""


def register(app: typer.Typer) -> None:
    app.command("exchanges", help=EXCHANGES_HELP)(exchanges)
    app.command("markets", help=MARKETS_HELP)(markets)


def exchanges(
    name: Annotated[str | None, typer.Argument(show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    from tradectl.exchange.ccxt_venue.described import exchange_detail, exchange_rows

    if name is not None:
        print_data(exchange_detail(name), as_json, "exchange_page.exchange")
    else:
        print_data(exchange_rows(), as_json, "render.exchanges")


def markets(
    exchange: Annotated[str, typer.Argument(show_default=False)],
    market: Annotated[
        str | None, typer.Option(help="spot or perpetual.", show_default=False)
    ] = None,
    quote: Annotated[
        str | None, typer.Option(help="Quoted in this currency.", show_default=False)
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="With this in their name.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that cannot be traded too, and why.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    if market is not None and market not in MARKETS:
        raise typer.BadParameter(
            f"expected spot or perpetual, got {market!r}", param_hint="'--market'"
        )
    import asyncio

    rows = [
        _row(info)
        for info in asyncio.run(_markets(exchange, market, config))
        if (everything or info.supported) and _is_meant(info, quote, search)
    ]
    print_data(rows, as_json, "render.markets")


async def _markets(exchange: str, market: str | None, config: Path | None) -> list[MarketInfo]:
    import msgspec

    _, place = chosen(exchange, config)
    if market is not None:
        place = msgspec.structs.replace(place, market=market)
    async with open_public_venue(place, {}) as venue:
        return venue.markets()


def _is_meant(info: MarketInfo, quote: str | None, search: str | None) -> bool:
    names = f"{info.symbol} {info.unified}".upper()
    if search is not None and search.upper() not in names:
        return False
    if quote is None:
        return True
    currency = info.instrument.quote if info.instrument is not None else _quote_in(info.unified)
    return currency.upper() == quote.upper()


def _quote_in(unified: str) -> str:
    """BTC/USDT:USDT-240628 is quoted in USDT."""
    return unified.partition("/")[2].partition(":")[0]


def _row(info: MarketInfo) -> MarketRow:
    from tradectl.documents.market import MarketRow
    from tradectl.domain.money import plain

    rules = info.instrument
    return MarketRow(
        symbol=info.symbol,
        unified=info.unified,
        kind=rules.kind if rules else None,
        quote=rules.quote if rules else None,
        tick_size=plain(rules.tick_size) if rules else None,
        lot_size=plain(rules.lot_size) if rules else None,
        min_notional=plain(rules.min_notional) if rules else None,
        active=info.active,
        supported=info.supported,
        note=info.note,
    )
