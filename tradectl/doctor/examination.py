"""Is this system fit to trade? Looks at the machine and at the exchanges, and changes neither.

    diagnose = machine + connect + exchanges        (`tradectl doctor`)
    examine  = machine + exchanges, connected       (before a run trades with money)

The one thing that is touched is the dead-man switch, armed and disarmed where no order could be hit. All
that can go on at once does, every question has an end to it, and the whole takes some 15 seconds at most.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path

from tradectl.config.settings import Settings
from tradectl.doctor import account as doctor_account
from tradectl.doctor import market as doctor_market
from tradectl.doctor.bracketed import simulated_brackets
from tradectl.doctor.finding import failed, is_fit, passed, shown
from tradectl.doctor.machine import machine, other_instance
from tradectl.doctor.probe import ProbeResult, asked, probe
from tradectl.doctor.proven import proven
from tradectl.doctor.sizing import Sizing
from tradectl.documents.operations import Finding, Verdict
from tradectl.domain.errors import AccessLost, ExchangeError, TradectlError, UsageError
from tradectl.domain.money import ZERO
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.tasks import run_together
from tradectl.recovery.recovery import LIVE_ACCOUNT, recover
from tradectl.runtime.exchanges import Venues
from tradectl.state.account import Account
from tradectl.storage.directory import StateDir

LISTEN_S = 5.0
CONNECT_S = 7.0
CLOSE_S = 2.0


async def diagnose(
    settings: Settings,
    state_dir: StateDir,
    config_path: Path | None = None,
    *,
    private: bool | None = None,
    environ: Mapping[str, str] | None = None,
    listen_s: float = LISTEN_S,
    connect_s: float = CONNECT_S,
) -> list[Finding]:
    """Everything, connecting included; what cannot be reached is one finding. `private`: with keys (of
    `environ`, or of the process's own); as the mode asks for where it is None."""
    private = settings.mode == "live" if private is None else private
    findings = machine(settings, state_dir, config_path)
    if not settings.exchanges:
        none = passed("exchange", "none: the simulated market is traded on paper")
        return shown([*findings, none, *simulated_brackets(settings)], environ)
    made, missing = _made(settings, private=private, environ=environ)
    if made is None:
        return shown([*findings, *missing], environ)
    private = private and not missing
    try:
        unreachable = await _open(made, connect_s)
        reached = await _exchanges(settings, made, state_dir, private=private, listen_s=listen_s)
    finally:
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await made.close()
    return shown([*findings, *missing, *unreachable, *reached], environ)


async def examine(
    settings: Settings,
    venues: Venues,
    state_dir: StateDir,
    *,
    private: bool,
    config_path: Path | None = None,
    listen_s: float = LISTEN_S,
) -> list[Finding]:
    """The same of a system that is connected."""
    findings = machine(settings, state_dir, config_path)
    findings += await _exchanges(settings, venues, state_dir, private=private, listen_s=listen_s)
    return shown(findings, venues.environ)


def _made(
    settings: Settings, *, private: bool, environ: Mapping[str, str] | None
) -> tuple[Venues | None, list[Finding]]:
    """The exchanges, not connected. Without keys what is public can still be looked at."""
    try:
        return Venues(settings, settings.symbols, private=private, environ=environ), []
    except UsageError as error:
        if not private:
            return None, [
                failed("exchange", str(error), "`tradectl config check` looks at the file")
            ]
        mend = "set them in the environment of this command; no file holds them"
        missing = [failed("keys", str(error), mend)]
        return _made(settings, private=False, environ=environ)[0], missing


async def _open(venues: Venues, seconds: float) -> list[Finding]:
    """Connect each; those that cannot be reached are left out from then on, and reported."""
    names = list(venues.by_name)
    answers = await asyncio.gather(*(asked(venues.by_name[n].open, seconds) for n in names))
    unreachable = []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, TradectlError):
            venue = venues.by_name.pop(name)
            unreachable.append(_not_connected(venues, name, answer))
            await asked(venue.close, CLOSE_S)
    return unreachable


def _not_connected(venues: Venues, name: str, error: TradectlError) -> Finding:
    rest = "nothing else was looked at there"
    if isinstance(error, AccessLost):
        message = f"the exchange refuses them: {error}; {rest}"
        return failed(f"{name}: keys", message, doctor_account.mend_credentials(name))
    if isinstance(error, UsageError):
        exchange = venues.settings_of(name).id
        lists = f"`tradectl exchanges` and `tradectl markets {exchange}` list what there is"
        return failed(f"{name}: connection", f"{error}; {rest}", lists)
    mend = "is this machine online, its clock right, and the exchange up? then try again"
    return failed(f"{name}: connection", f"{error}; {rest}", mend)


async def _exchanges(
    settings: Settings, venues: Venues, state_dir: StateDir, *, private: bool, listen_s: float
) -> list[Finding]:
    if not venues.by_name:
        return []
    books, troubles = await _books(state_dir) if private else (None, [])
    alone = other_instance(state_dir) is None
    results = [
        ProbeResult(
            venue,
            settings,
            venues.settings_of(name),
            tuple(venues.places[name]),
            venues.traded(name),
            private and bool(venues.traded(name)),
            books,
        )
        for name, venue in venues.by_name.items()
    ]
    await run_together(*(probe(result, alone=alone, listen_s=listen_s) for result in results))
    sizing = _sizing(settings, results, private=private)
    return [*troubles, *(f for result in results for f in findings_of(result, sizing, listen_s))]


def findings_of(result: ProbeResult, sizing: Sizing | None, listen_s: float) -> list[Finding]:
    """What follows from the probe of one exchange."""
    findings = [passed(f"{result.name}: connection", _reached(result)), doctor_market.clock(result)]
    findings += [doctor_market.symbol(result, symbol, sizing) for symbol in result.symbols]
    findings += [doctor_market.rate(result), doctor_market.data(result, listen_s)]
    if result.private:
        findings += [*doctor_account.account(result, sizing), proven(result)]
    return findings


def _reached(result: ProbeResult) -> str:
    network = ", test network" if result.exchange.testnet else ""
    at = f" at {result.exchange.url}" if result.exchange.url else ""
    return f"{result.exchange.id} {result.exchange.market}{network}{at}"


async def _books(state_dir: StateDir) -> tuple[Account | None, list[Finding]]:
    """Our live account as the last run left it, to tell what is ours from what is not."""
    found = await asked(partial(asyncio.to_thread, recover, state_dir, LIVE_ACCOUNT))
    if isinstance(found, TradectlError):
        return None, [failed("account", f"the last run's account cannot be read: {found}")]
    return (found.account if found is not None else None), []


def _sizing(settings: Settings, results: list[ProbeResult], *, private: bool) -> Sizing | None:
    """None where the money is not known."""
    equity = _equity(settings, results) if private else settings.account.cash
    if equity is None:
        return None
    described = {i.symbol: i for i in settings.instruments}
    traded = [(result, symbol) for result in results for symbol in result.traded]
    listed = {s: i for result, s in traded if (i := result.instrument(s)) is not None}
    prices = {s: p for result, s in traded if (p := result.price(s)) is not None}
    return Sizing(settings, equity, {**listed, **described}, prices)


def _equity(settings: Settings, results: list[ProbeResult]) -> Decimal | None:
    """The money at the exchanges that are traded on, and what our coins there are worth."""
    total, currency = ZERO, settings.account.currency
    for result in results:
        if not result.traded:
            continue
        if not isinstance(result.holdings, Holdings):
            return None
        total += result.holdings.balances.get(currency, ZERO)
        for symbol in result.traded:
            instrument, price = result.instrument(symbol), result.price(symbol)
            if instrument is not None and price is not None and not instrument.can_short:
                total += result.ours(symbol) * price
    return total


__all__ = ["LISTEN_S", "Finding", "Verdict", "diagnose", "examine", "findings_of", "is_fit"]
