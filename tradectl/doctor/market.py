"""The market's part of an examination: clock, rules against the configured sizes, request rate, data.

These need no key. Each function judges what a probe brought, and asks nobody.
"""

from __future__ import annotations

from tradectl.doctor.finding import failed, few, passed, warned
from tradectl.doctor.probe import ProbeResult
from tradectl.doctor.sizing import Sizing
from tradectl.documents.operations import Finding
from tradectl.domain.errors import TradectlError, VenueRefusal
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import is_multiple, money_text, plain
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND

SKEW_WARNED_NS = SECOND // 4
COST_OF_A_CALL = 4.0
"""What the dearer of the calls that are made again and again cost, in the weights that ccxt counts."""
MANY_A_SECOND = 5.0
"""Requests that nobody should make for ever where the exchange's limit is not known."""


def clock(result: ProbeResult) -> Finding:
    """Requests are signed by the exchange's time, whatever this machine's clock is. Data is as old as the
    clock has it, and one that is far ahead would hold every entry back."""
    name, found = f"{result.name}: clock", result.clock
    if isinstance(found, VenueRefusal):
        return warned(name, str(found), "have the system keep the clock by NTP")
    if isinstance(found, TradectlError):
        return failed(name, f"the exchange does not tell its time: {found}", "try again")
    side = "behind" if found > 0 else "ahead of"
    message = f"this machine is {abs(found) / 1e6:,.0f} ms {side} the exchange"
    mend = "have the system set the clock by NTP, such as `timedatectl set-ntp true`"
    stale_after = result.settings.feed.stale_after_seconds
    if -found > stale_after * SECOND:
        why = f"all data would look older than {stale_after:g} s, and nothing be entered"
        return failed(name, f"{message}: {why}", mend)
    if abs(found) > SKEW_WARNED_NS:
        return warned(name, f"{message}; requests are signed by the exchange's time", mend)
    return passed(name, message)


def symbol(result: ProbeResult, name: str, sizing: Sizing | None) -> Finding:
    """That it is there and traded now, and what a full position of it would be by its rules."""
    check, found = f"{result.name}: {name}", result.instruments[name]
    listing = f"`tradectl markets {result.exchange.id}` lists those there are"
    if isinstance(found, TradectlError):
        return failed(check, str(found), listing)
    info = result.markets.get(name)
    if info is not None and not info.active:
        return failed(check, f"not traded now{_note(info.note)}", "take it out of `symbols`")
    if found.quote != result.settings.account.currency and name in result.traded:
        return failed(
            check,
            f"quoted in {found.quote}, the account is in {result.settings.account.currency}",
            f'set account.currency = "{found.quote}", or trade another symbol',
        )
    if described := next((i for i in result.settings.instruments if i.symbol == name), None):
        if wrong := _contradiction(described, found):
            tell = failed if result.private or "kind" in wrong else warned
            return tell(check, wrong, f"mend or remove {name} under `instruments`")
        found = described
    return _sized(result, check, found, sizing)


def _note(note: str) -> str:
    return f": {note}" if note and note != "not traded now" else ""


def _contradiction(described: Instrument, listed: Instrument) -> str:
    """In which rule the description is looser than the exchange's; empty when in none."""
    if described.kind is not listed.kind:
        return f"described as kind {described.kind}, at the exchange it is {listed.kind}"
    for key in ("tick_size", "lot_size"):
        mine, theirs = getattr(described, key), getattr(listed, key)
        if not is_multiple(mine, theirs):
            return f"described with {key} {plain(mine)}, the exchange takes {plain(theirs)}"
    if described.min_notional < listed.min_notional:
        return (
            f"described with min_notional {plain(described.min_notional)}, the exchange takes "
            f"{plain(listed.min_notional)}"
        )
    return ""


def _sized(result: ProbeResult, check: str, found: Instrument, sizing: Sizing | None) -> Finding:
    rules = (
        f"tick {plain(found.tick_size)}, lot {plain(found.lot_size)}, "
        f"at least {plain(found.min_notional)} {found.quote}"
    )
    if found.symbol not in result.traded:
        return passed(check, f"{rules}; listened to, not traded")
    if sizing is None:
        return warned(check, f"{rules}; the balance is not known, so no size was checked")
    size = sizing.of(found.symbol)
    if size is None:
        return warned(check, f"{rules}; it has no price now, so no size was checked", "try again")
    message = f"a full position is about {money_text(size.planned)} {found.quote}"
    if size.planned < size.least:
        return warned(
            check,
            f"{message}, below the smallest order of {money_text(size.least)}: it will not be traded",
            "enlarge the positions under `portfolio`, put more money there, or trade fewer symbols",
        )
    for key in ("max_order_notional", "max_position_notional"):
        limit = getattr(result.settings.risk, key)
        if limit is not None and size.largest > limit:
            return warned(
                check,
                f"a position may be {money_text(size.largest)} {found.quote}, above risk.{key} "
                f"{money_text(limit)}: its entry will be denied",
                "make the positions under `portfolio` smaller, or raise the limit",
            )
    return passed(check, f"{rules}; {message}")


def rate(result: ProbeResult) -> Finding:
    """What is asked again and again, counted roughly, against what the exchange publishes."""
    name = f"{result.name}: rate limit"
    calls = calls_a_second(result)
    if not calls:
        return passed(name, "nothing is asked again and again: all of it is pushed")
    message = f"about {calls:.2g} requests a second for ever"
    mend = f"raise poll_seconds or reconcile_seconds of {result.name}, or listen to fewer symbols"
    allowed = result.venue.abilities.rate
    if not allowed:
        if calls > MANY_A_SECOND:
            return warned(name, f"{message}; its limit is not known", mend)
        return passed(name, f"{message}; its limit is not known")
    share = calls * COST_OF_A_CALL / allowed
    message = f"{message}, about {share:.0%} of what it allows"
    return warned(name, message, mend) if share > 1 / 3 else passed(name, message)


def calls_a_second(result: ProbeResult) -> float:
    """A comparison asks for orders and fills of each symbol and for holdings; a poll for one thing."""
    exchange = result.exchange
    pushed = result.venue.abilities.channels
    polled = sum(channel not in pushed for channel in exchange.channels)
    calls = polled * len(result.symbols) / exchange.poll_seconds
    if result.private:
        calls += (2 * len(result.traded) + 1) / exchange.reconcile_seconds
    return calls


def data(result: ProbeResult, listen_s: float) -> Finding:
    name, received = f"{result.name}: data", result.data
    expected = [symbol for symbol in result.symbols if result.instrument(symbol) is not None]
    if not expected:
        return failed(name, "there is no symbol to listen to", "see the symbols above")
    missing = [symbol for symbol in expected if symbol not in received.ages]
    channels = ", ".join(result.exchange.channels)
    if missing:
        why = f": {received.errors[-1]}" if received.errors else ""
        return failed(
            name,
            f"no {channels} of {few(missing)} within {listen_s:g} s{why}",
            "is the market open and busy? more `channels` bring data earlier; or try again",
        )
    ages = [_corrected(age, result.clock) for age in received.ages.values() if age is not None]
    if not ages:
        return passed(
            name, f"{counted(len(expected), 'symbol')} heard; it does not say how old it is"
        )
    message = f"{counted(len(expected), 'symbol')} heard, the oldest data {max(ages):.1f} s old"
    if max(ages) > result.settings.feed.stale_after_seconds:
        return warned(name, message, "entries wait for newer data: is the market busy enough?")
    return passed(name, message)


def _corrected(age: float, offset: int | TradectlError) -> float:
    """By the exchange's own clock, where that is known."""
    return max(0.0, age + (offset / SECOND if isinstance(offset, int) else 0.0))


__all__ = ["calls_a_second", "clock", "data", "rate", "symbol"]
