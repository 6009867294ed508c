"""What is about to be traded with money, by which rules, before a human gives the word."""

from __future__ import annotations

from collections.abc import Sequence

from rich.panel import Panel
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import LOUD
from tradectl.cli.output.listing import console
from tradectl.config.settings import Settings
from tradectl.domain.money import ZERO, money_text
from tradectl.domain.text import harmless
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.risk.limits import Loss, RiskLimits
from tradectl.runtime.exchanges import Venues

NO_LIMIT = "NO LIMIT"


def banner(venues: Venues, holdings: dict[str, Holdings]) -> list[str]:
    """What is about to happen, the headline first."""
    settings = venues.settings
    exchanges = [venues.settings_of(name) for name in venues.trading()]
    real = [exchange.prefix for exchange in exchanges if not exchange.testnet]
    headline = "LIVE TRADING, REAL MONEY" if real else "LIVE TRADING, on a test network"
    lines = [headline]
    for exchange in exchanges:
        lines.append(f"exchange    {_place(exchange)}")
        lines.append(
            f"balance     {_balance(holdings[exchange.prefix], settings.account.currency)}"
        )
        lines.append(f"symbols     {', '.join(venues.traded(exchange.prefix))}")
    lines += [f"strategy    {line}" for line in _strategies(settings)]
    lines.append(f"sizing      {_sizing(settings)}")
    return lines + [f"limit       {line}" for line in _limits(settings.risk)]


def _place(exchange: ExchangeSettings) -> str:
    money = "test network" if exchange.testnet else "REAL MONEY"
    at = f", at {exchange.url}" if exchange.url else ""
    name = "" if exchange.prefix == exchange.id else f" ({exchange.id})"
    return f"{exchange.prefix}{name} {exchange.market}, {money}{at}"


def _balance(holdings: Holdings, currency: str) -> str:
    return money_text(holdings.balances.get(currency, ZERO), currency)


def _strategies(settings: Settings) -> list[str]:
    return [
        f"{strategy.name}, {strategy.strategy}, on {', '.join(strategy.reach(settings.symbols))}"
        for strategy in settings.strategies
    ]


def _sizing(settings: Settings) -> str:
    portfolio = settings.portfolio
    if portfolio.sizing == "fixed_quantity":
        return f"{portfolio.quantity:f} coins in a position"
    most = f"at most {portfolio.max_weight:.0%} of equity in a symbol"
    if portfolio.sizing == "fixed_fraction":
        return f"{portfolio.fraction:.0%} of equity in a position, {most}"
    return f"{portfolio.sizing}, {most}"


def _limits(risk: RiskLimits) -> list[str]:
    """Those that are set, and those that are off."""
    amounts = (
        ("an order", risk.max_order_notional),
        ("a position", risk.max_position_notional),
        ("all positions", risk.max_gross_notional),
        ("leverage", risk.max_leverage),
    )
    limits = [
        f"{what} {NO_LIMIT if most is None else figures.quantity(most)}" for what, most in amounts
    ]
    return [
        ", ".join(limits),
        f"loss of a day: {_levels(risk, 'daily_loss')}",
        f"drawdown: {_levels(risk, 'drawdown')}",
    ]


def _levels(risk: RiskLimits, loss: Loss) -> str:
    return ", ".join(f"{act} at {value:f}%" for value, act in risk.levels(loss)) or NO_LIMIT


def show_banner(lines: Sequence[str]) -> None:
    """On stderr, framed where that is a terminal."""
    to = console(stderr=True)
    shown = [harmless(line) for line in lines]
    if not to.is_terminal:
        to.print(Text("\n".join(shown)), soft_wrap=True)
        return
    body = Text("\n".join(shown[1:]), overflow="fold")
    to.print(Panel(body, title=Text(shown[0], LOUD), border_style=LOUD))
