"""The account's part of an examination: keys, what they may do, money, what is there and not ours.

Each function judges what a probe brought, and asks nobody. What is not ours is shown and left
alone, by this and by the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from tradectl.doctor.bracketed import brackets
from tradectl.doctor.finding import failed, few, passed, warned
from tradectl.doctor.probe import ProbeResult
from tradectl.doctor.sizing import Sizing
from tradectl.documents.operations import Finding
from tradectl.domain.errors import AccessLost, TradectlError
from tradectl.domain.money import ZERO, money_text, plain
from tradectl.domain.orders import tag_of
from tradectl.domain.refusals import HEDGE_MODE
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.venue import Permissions

ALIVE = "keep the process watched: nobody else cancels what rests at the exchange"


def account(result: ProbeResult, sizing: Sizing | None) -> list[Finding]:
    """Where the keys do not work there is one finding, not one for each of their uses."""
    first = credentials(result)
    if not isinstance(result.holdings, Holdings):
        return [first]
    return [
        first,
        permissions(result),
        balance(result, result.holdings, sizing),
        holdings(result, result.holdings),
        *position_mode(result),
        open_orders(result),
        dead_man(result),
        *stop_orders(result),
        *brackets(result.name, result.settings, is_spot=result.exchange.market == "spot"),
        user_stream(result),
    ]


def credentials(result: ProbeResult) -> Finding:
    name, found = f"{result.name}: keys", result.holdings
    if isinstance(found, AccessLost):
        return failed(name, f"the exchange refuses them: {found}", mend_credentials(result.name))
    if isinstance(found, TradectlError):
        return failed(name, f"the account does not answer: {found}", "try again")
    return passed(name, "accepted: the account answers")


def mend_credentials(name: str) -> str:
    start = f"TRADECTL_{name.upper()}_API"
    return (
        f"check {start}_KEY and {start}_SECRET: of this exchange, of this network, allowed from this "
        "address, not expired"
    )


def permissions(result: ProbeResult) -> Finding:
    name, found = f"{result.name}: permissions", result.permissions
    if isinstance(found, TradectlError):
        return warned(
            name, f"not known: {found}", "look at the exchange's own page for what the key may do"
        )
    if found.trade is False:
        return failed(name, "the key may not trade", "allow trading for it at the exchange")
    if found.withdraw:
        return _may_withdraw(result, name)
    return _permitted(name, found)


def _may_withdraw(result: ProbeResult, name: str) -> Finding:
    mend = "make a key that may trade and nothing else"
    if result.exchange.allow_withdraw_key:
        return warned(name, "the key may withdraw; allow_withdraw_key lets it pass", mend)
    return failed(
        name,
        "the key may withdraw: who gets hold of it has the money",
        f"{mend}; exchanges.allow_withdraw_key = true trades with this one all the same",
    )


def _permitted(name: str, found: Permissions) -> Finding:
    unknown = [
        what for what, may in (("trade", found.trade), ("withdraw", found.withdraw)) if may is None
    ]
    if not unknown:
        return passed(name, "the key may trade, and may not withdraw")
    return warned(
        name,
        f"the exchange does not tell whether the key may {' or '.join(unknown)}",
        "look at the exchange's own page: it must trade, and should not withdraw",
    )


def balance(result: ProbeResult, held: Holdings, sizing: Sizing | None) -> Finding:
    name, currency = f"{result.name}: balance", result.settings.account.currency
    total = held.balances.get(currency, ZERO)
    message = f"{money_text(total)} {currency}"
    if total <= ZERO:
        if any(result.there(symbol) for symbol in result.traded):
            return warned(
                name,
                f"{message}: what is held can be sold, nothing bought",
                f"put {currency} there",
            )
        return failed(name, f"{message}: there is nothing to trade with", f"put {currency} there")
    sizes = {symbol: sizing.of(symbol) for symbol in result.traded} if sizing is not None else {}
    needs = {symbol: size.needs for symbol, size in sizes.items() if size is not None}
    if needs:
        symbol, least = min(needs.items(), key=lambda item: item[1])
        if total < least:
            return warned(
                name,
                f"{message}: one order by the configured sizing needs {money_text(least)} ({symbol})",
                f"put more {currency} there, or make the positions under `portfolio` smaller",
            )
    return passed(name, message)


def holdings(result: ProbeResult, held: Holdings) -> Finding:
    """Of the symbols that we trade, and every other position: it shares the account's margin."""
    name = f"{result.name}: holdings"
    foreign = {symbol: result.there(symbol) - result.ours(symbol) for symbol in result.traded}
    foreign |= {s: q for s, q in held.positions.items() if s not in result.traded}
    foreign = {symbol: quantity for symbol, quantity in foreign.items() if quantity}
    if not foreign:
        return passed(name, "nothing is there in these symbols that is not ours")
    spelled = [f"{symbol} {plain(quantity)}" for symbol, quantity in foreign.items()]
    return warned(
        name,
        f"not ours, left alone: {few(spelled)}",
        _mend_holdings(result, foreign) or "nothing to do if you know of it",
    )


def position_mode(result: ProbeResult) -> list[Finding]:
    """Of symbols that may have two positions at once: a run is refused, or enters nothing there."""
    hedged = [symbol for symbol in result.traded if symbol in result.venue.hedged]
    if not hedged:
        return []
    mend = (
        "close and cancel what is open there, and set the account to one-way mode at the exchange"
    )
    return [failed(f"{result.name}: position mode", f"{few(hedged)}: {HEDGE_MODE}", mend)]


def _mend_holdings(result: ProbeResult, foreign: dict[str, Decimal]) -> str:
    """Where the books know of something else, a run would hold the symbol back, but for more on spot."""
    live = result.books.reconciliation if result.books is not None else None
    if live is None:
        return ""
    other = [
        symbol
        for symbol, quantity in foreign.items()
        if symbol in live.external and live.external[symbol] != quantity
        if quantity < 0 or ((known := result.instrument(symbol)) and known.can_short)
    ]
    if not other:
        return ""
    return (
        f"our books know of another quantity of {few(other)}, and a run holds it back: "
        "`tradectl reconcile` shows it, and `--accept` says what it is"
    )


def open_orders(result: ProbeResult) -> Finding:
    name, found = f"{result.name}: open orders", result.orders
    if isinstance(found, TradectlError):
        return failed(name, f"cannot be asked for: {found}", "try again")
    theirs = [order for order in found if not result.is_ours(order.client_order_id)]
    foreign = Counter(order.symbol for order in theirs)
    spelled = [f"{count} in {symbol}" for symbol, count in sorted(foreign.items())]
    message = f"{len(found) - len(theirs)} of ours"
    message += f"; not ours, left alone: {few(spelled)}" if foreign else ", no other"
    resting = _other_bots(result, (order.client_order_id for order in theirs))
    lately = _other_bots(result, result.traded_lately) - resting
    told = [f"another tradectl's among them ({few(sorted(resting))})"] if resting else []
    told += [f"another tradectl ({few(sorted(lately))}) traded in the last hour"] if lately else []
    if told:
        return warned(
            name,
            f"{'; '.join([message, *told])}: a second bot on this account, or an account of ours from "
            "before",
            "give each bot an account of its own, or cancel at the exchange what is left of the other",
        )
    if not foreign:
        return passed(name, message)
    return warned(name, message, "cancel them at the exchange if nobody needs them")


def _other_bots(result: ProbeResult, client_order_ids: Iterable[str]) -> set[str]:
    """The tags of tradectls that are not ours."""
    return {tag_of(name) for name in client_order_ids if not result.is_ours(name)} - {""}


def dead_man(result: ProbeResult) -> Finding:
    name, seconds = f"{result.name}: dead-man switch", result.exchange.dead_man_seconds
    if not result.venue.abilities.dead_man:
        return warned(name, "not offered: should this process die, its resting orders stay", ALIVE)
    if not seconds:
        return warned(
            name,
            "switched off: should this process die, its resting orders stay",
            "set exchanges.dead_man_seconds",
        )
    if isinstance(result.dead_man, TradectlError):
        return failed(
            name, f"cannot be armed: {result.dead_man}", "try again, or set dead_man_seconds = 0"
        )
    if result.dead_man:
        return warned(name, f"offered; {result.dead_man}", "a run arms it, and alerts if it cannot")
    return passed(
        name,
        f"armed and disarmed: orders are cancelled {seconds:g} s after we fall silent, but in no symbol"
        " where a stop of ours or an order of others rests",
    )


def stop_orders(result: ProbeResult) -> list[Finding]:
    """Where the configuration has some placed."""
    brackets = [strategy.bracket for strategy in result.settings.strategies]
    stops = [b for b in brackets if b.stop_loss_pct or b.stop_loss_price or b.trailing_pct]
    if result.settings.portfolio.stop_loss_pct is None and not stops:
        return []
    name = f"{result.name}: stop orders"
    if result.venue.abilities.stop_orders:
        return [passed(name, "offered: each position's stop will rest at the exchange")]
    message = (
        f"it takes none of ours on {result.exchange.market}: a position would be without its stop"
    )
    return [failed(name, message, "take the stops out, or trade another market or exchange")]


def user_stream(result: ProbeResult) -> Finding:
    name = f"{result.name}: user stream"
    if result.venue.abilities.user_stream:
        return passed(name, "offered: fills are pushed as they happen")
    return warned(
        name,
        f"not offered: fills are found by asking, every {result.exchange.reconcile_seconds:g} s",
        "lower reconcile_seconds if that is too late",
    )


__all__ = ["account", "balance", "credentials", "dead_man", "holdings", "mend_credentials",
           "open_orders", "permissions", "stop_orders", "user_stream"]  # fmt: skip
