"""The account's part of an examination: keys, what they may do, money, what is there and not ours.

Each function judges facts that were gathered before, and asks nobody. What is not ours is shown and left
alone, by this and by the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from tradectl.doctor.finding import failed, passed, warned
from tradectl.doctor.probe import ProbeResult
from tradectl.doctor.sizing import Sizing, money
from tradectl.documents.operations import Finding
from tradectl.domain.errors import AccessLost, TradectlError
from tradectl.domain.money import ZERO, plain
from tradectl.exchange.venue import Holdings, Permissions

SHOWN = 6
ALIVE = "keep the process watched: nobody else cancels what rests at the exchange"


def account(facts: ProbeResult, sizing: Sizing | None) -> list[Finding]:
    """Where the keys do not work there is one finding, not one for each of their uses."""
    first = keys(facts)
    if not isinstance(facts.holdings, Holdings):
        return [first]
    return [
        first,
        permissions(facts),
        balance(facts, facts.holdings, sizing),
        holdings(facts, facts.holdings),
        open_orders(facts),
        dead_man(facts),
        *stop_orders(facts),
        user_stream(facts),
    ]


def keys(facts: ProbeResult) -> Finding:
    name, found = f"{facts.name}: keys", facts.holdings
    if isinstance(found, AccessLost):
        return failed(name, f"the exchange refuses them: {found}", mend_keys(facts.name))
    if isinstance(found, TradectlError):
        return failed(name, f"the account does not answer: {found}", "try again")
    return passed(name, "accepted: the account answers")


def mend_keys(name: str) -> str:
    start = f"TRADECTL_{name.upper()}_API"
    return (
        f"check {start}_KEY and {start}_SECRET: of this exchange, of this network, allowed from this "
        "address, not expired"
    )


def permissions(facts: ProbeResult) -> Finding:
    name, found = f"{facts.name}: permissions", facts.permissions
    if isinstance(found, TradectlError):
        return warned(
            name, f"not known: {found}", "look at the exchange's own page for what the key may do"
        )
    if found.trade is False:
        return failed(name, "the key may not trade", "allow trading for it at the exchange")
    if found.withdraw:
        return _may_withdraw(facts, name)
    return _told(name, found)


def _may_withdraw(facts: ProbeResult, name: str) -> Finding:
    mend = "make a key that may trade and nothing else"
    if facts.exchange.allow_withdraw_key:
        return warned(name, "the key may withdraw; allow_withdraw_key lets it pass", mend)
    return failed(
        name,
        "the key may withdraw: who gets hold of it has the money",
        f"{mend}; exchanges.allow_withdraw_key = true trades with this one all the same",
    )


def _told(name: str, found: Permissions) -> Finding:
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


def balance(facts: ProbeResult, held: Holdings, sizing: Sizing | None) -> Finding:
    name, currency = f"{facts.name}: balance", facts.settings.account.currency
    total = held.balances.get(currency, ZERO)
    told = f"{money(total)} {currency}"
    if total <= ZERO:
        if any(facts.there(symbol) for symbol in facts.traded):
            return warned(
                name, f"{told}: what is held can be sold, nothing bought", f"put {currency} there"
            )
        return failed(name, f"{told}: there is nothing to trade with", f"put {currency} there")
    sizes = {symbol: sizing.of(symbol) for symbol in facts.traded} if sizing is not None else {}
    needs = {symbol: size.needs for symbol, size in sizes.items() if size is not None}
    if needs:
        symbol, least = min(needs.items(), key=lambda item: item[1])
        if total < least:
            return warned(
                name,
                f"{told}: one order by the configured sizing needs {money(least)} ({symbol})",
                f"put more {currency} there, or make the positions under `portfolio` smaller",
            )
    return passed(name, told)


def holdings(facts: ProbeResult, held: Holdings) -> Finding:
    """Of the symbols that we trade, and every other position: it shares the account's margin."""
    name = f"{facts.name}: holdings"
    foreign = {symbol: facts.there(symbol) - facts.ours(symbol) for symbol in facts.traded}
    foreign |= {s: q for s, q in held.positions.items() if s not in facts.traded}
    foreign = {symbol: quantity for symbol, quantity in foreign.items() if quantity}
    if not foreign:
        return passed(name, "nothing is there in these symbols that is not ours")
    spelled = [f"{symbol} {plain(quantity)}" for symbol, quantity in foreign.items()]
    return warned(
        name,
        f"not ours, left alone: {_few(spelled)}",
        _mend_holdings(facts, foreign) or "nothing to do if you know of it",
    )


def _mend_holdings(facts: ProbeResult, foreign: dict[str, Decimal]) -> str:
    """Where the books know of something else, a run would hold the symbol back."""
    live = facts.books.reconciliation if facts.books is not None else None
    if live is None:
        return ""
    other = [
        symbol
        for symbol, quantity in foreign.items()
        if symbol in live.external and live.external[symbol] != quantity
    ]
    if not other:
        return ""
    return (
        f"our books know of another quantity of {_few(other)}, and a run holds it back: "
        "`tradectl reconcile` shows it, `tradectl reconcile --accept exchange` settles it"
    )


def open_orders(facts: ProbeResult) -> Finding:
    name, found = f"{facts.name}: open orders", facts.orders
    if isinstance(found, TradectlError):
        return failed(name, f"cannot be asked for: {found}", "try again")
    foreign = Counter(order.symbol for order in found if not facts.is_ours(order))
    ours = sum(facts.is_ours(order) for order in found)
    if not foreign:
        return passed(name, f"{ours} of ours, no other")
    spelled = [f"{count} in {symbol}" for symbol, count in sorted(foreign.items())]
    return warned(
        name,
        f"{ours} of ours; not ours, left alone: {_few(spelled)}",
        "cancel them at the exchange if nobody needs them",
    )


def dead_man(facts: ProbeResult) -> Finding:
    name, seconds = f"{facts.name}: dead-man switch", facts.exchange.dead_man_seconds
    if not facts.venue.abilities.dead_man:
        return warned(name, "not offered: should this process die, its resting orders stay", ALIVE)
    if not seconds:
        return warned(
            name,
            "switched off: should this process die, its resting orders stay",
            "set exchanges.dead_man_seconds",
        )
    if isinstance(facts.dead_man, TradectlError):
        return failed(
            name, f"cannot be armed: {facts.dead_man}", "try again, or set dead_man_seconds = 0"
        )
    if facts.dead_man:
        return warned(name, f"offered; {facts.dead_man}", "a run arms it, and alerts if it cannot")
    return passed(
        name, f"armed and disarmed: orders are cancelled {seconds:g} s after we fall silent"
    )


def stop_orders(facts: ProbeResult) -> list[Finding]:
    """Where the configuration has some placed."""
    if facts.settings.portfolio.stop_loss_pct is None:
        return []
    name = f"{facts.name}: stop orders"
    if facts.venue.abilities.stop_orders:
        return [passed(name, "offered: each position's stop will rest at the exchange")]
    told = "not known to be offered: a position may be without its stop"
    return [warned(name, told, "take portfolio.stop_loss_pct out, or try it with little money")]


def user_stream(facts: ProbeResult) -> Finding:
    name = f"{facts.name}: user stream"
    if facts.venue.abilities.user_stream:
        return passed(name, "offered: fills are told as they happen")
    return warned(
        name,
        f"not offered: fills are found by asking, every {facts.exchange.reconcile_seconds:g} s",
        "lower reconcile_seconds if that is too late",
    )


def _few(items: Sequence[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


__all__ = ["account", "balance", "dead_man", "holdings", "keys", "mend_keys", "open_orders",
           "permissions", "stop_orders", "user_stream"]  # fmt: skip
