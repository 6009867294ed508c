"""Trading with money is deliberate: the configuration says so, the command says so, and a human does.

    mode = "live"  +  run --live  +  nothing failed in the examination  +  a typed phrase (or --yes)

A mode and a flag that disagree are refused, in either direction that could cost money. The examination's
failure is an error of exit code 1, as `tradectl doctor` has it; a word that is not given is one of 2.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from tradectl.domain.errors import TradectlError, UsageError

if TYPE_CHECKING:
    from tradectl.config.settings import Settings
    from tradectl.documents.operations import Finding
    from tradectl.exchange.exchange_settings import ExchangeSettings
    from tradectl.exchange.venue import Holdings
    from tradectl.risk.limits import Loss, RiskLimits
    from tradectl.runtime.exchanges import Venues
    from tradectl.runtime.run_options import Approve
    from tradectl.state.directory import StateDir

NO_WORDS = (
    "live trading asks for typed words, and there is no terminal to type them on: "
    "add --yes to start without"
)


def check_mode(settings: Settings, live: bool | None) -> Settings:
    """The settings of a run that was asked for with --live (True), --paper (False) or neither.

    Raises UsageError where configuration and command do not agree on trading with money.
    """
    import msgspec

    if settings.mode == "live" and live is None:
        raise UsageError(
            'the configuration says mode = "live": add --live to trade with money, '
            "or --paper to trade on paper"
        )
    if settings.mode == "paper" and live:
        raise UsageError(
            'the configuration says mode = "paper": set mode = "live" in it to trade with money'
        )
    if settings.mode == "live" and not live:
        from tradectl.config.rules import check

        settings = msgspec.structs.replace(settings, mode="paper")
        check(settings)
    return settings


def approval(
    assume_yes: bool, config_path: Path | None, *, answers: TextIO | None = None
) -> Approve:
    """What asks for the word before anything is traded: examine, show, refuse or ask. `answers` is
    where it is typed, stdin otherwise.

    Raises UsageError at once where nobody could type it; the word itself raises TradectlError where the
    examination failed, UsageError where the answer is no.
    """
    typed = sys.stdin if answers is None else answers
    if not assume_yes and not typed.isatty():
        raise UsageError(NO_WORDS)

    async def approve(venues: Venues, state_dir: StateDir) -> None:
        await _examine(venues, state_dir, config_path)
        _show_banner(banner(venues, await venues.holdings()))
        if not assume_yes:
            await _confirm(phrase_of(venues), typed)

    return approve


async def _examine(venues: Venues, state_dir: StateDir, config_path: Path | None) -> None:
    from tradectl.cli.output.reports import show_findings
    from tradectl.doctor.examination import examine
    from tradectl.doctor.finding import report_of

    findings = await examine(
        venues.settings, venues, state_dir, private=True, config_path=config_path
    )
    report = report_of(findings)
    show_findings(report, stderr=True)
    if not report.ok:
        raise TradectlError(f"not fit to trade live: {_failures(findings)}")


def _failures(findings: Sequence[Finding]) -> str:
    from tradectl.documents.operations import Verdict

    names = [finding.check for finding in findings if finding.verdict is Verdict.FAILED]
    return f"{', '.join(names)} failed; mend what is said above"


# --- the banner -----------------------------------------------------------------------------------


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
    return f"{holdings.balances.get(currency, Decimal(0)):,.2f} {currency}"


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
    )
    limits = [f"{what} {'NO LIMIT' if most is None else f'{most:,f}'}" for what, most in amounts]
    limits.append(
        f"leverage {'NO LIMIT' if risk.max_leverage is None else f'{risk.max_leverage:f}'}"
    )
    return [
        ", ".join(limits),
        f"loss of a day: {_levels(risk, 'daily_loss')}",
        f"drawdown: {_levels(risk, 'drawdown')}",
    ]


def _levels(risk: RiskLimits, loss: Loss) -> str:
    return ", ".join(f"{act} at {value:f}%" for value, act in risk.levels(loss)) or "NO LIMIT"


def _show_banner(lines: Sequence[str]) -> None:
    from tradectl.cli.output.listing import console
    from tradectl.domain.text import harmless

    to = console(stderr=True)
    shown = [harmless(line) for line in lines]
    if not to.is_terminal:
        typer.echo("\n".join(shown), err=True)
        return
    from rich.panel import Panel
    from rich.text import Text

    from tradectl.cli.output.cells import LOUD

    body = Text("\n".join(shown[1:]), overflow="fold")
    to.print(Panel(body, title=Text(shown[0], LOUD), border_style=LOUD))


# --- the typed phrase -----------------------------------------------------------------------------


def phrase_of(venues: Venues) -> str:
    """What must be typed: `binance live`."""
    return " ".join([*venues.trading(), "live"])


async def _confirm(phrase: str, typed: TextIO) -> None:
    typer.echo(f"Type `{phrase}` to trade, anything else to leave: ", nl=False, err=True)
    answer = await _line(typed)
    if answer.split() != phrase.split():
        raise UsageError(f"not started: `{phrase}` was not typed")


async def _line(stream: TextIO) -> str:
    """The next line; the loop goes on meanwhile, and an interrupt ends the waiting."""
    try:
        number = stream.fileno()
    except (OSError, io.UnsupportedOperation):
        return stream.readline()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(number, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)
    return stream.readline()


__all__ = ["approval", "banner", "check_mode", "phrase_of"]
