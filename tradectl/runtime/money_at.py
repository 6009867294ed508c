"""Which exchange has which part of a paper account's cash, as it is opened and as it goes on.

With one exchange there is nothing to tell. With several each has what the configuration says of
`account.cash`, and those that it says nothing of share the rest equally; what moves between them is the
owner's affair.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, floor_to, plain
from tradectl.domain.protection import is_dust
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView

CENT = Decimal("0.01")


def traded_at(settings: Settings, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """The exchanges of those `symbols` that orders may be about, in the order of the configuration."""
    names, instruments = settings.exchange_names(), settings.all_instruments()
    meant = {symbol for s in settings.strategies for symbol in s.reach(symbols)} or set(symbols)
    used = {instruments.exchange_of(symbol) for symbol in meant}
    return tuple(name for name in names if name in used)


def open_at(account: Account, names: tuple[str, ...], settings: Settings) -> None:
    """A new account's cash, where it is. Raises UsageError where what is said does not come to it."""
    if len(names) < 2:
        return
    said = {own.name: own.cash for own in settings.paper.exchanges if own.cash is not None}
    cash = {name: said[name] for name in names if name in said}
    silent = [name for name in names if name not in said]
    left = account.cash - sum(cash.values(), ZERO)
    if not silent and left:
        raise UsageError(
            f"paper.exchanges.cash: {plain(account.cash - left)} in all, and account.cash is "
            f"{plain(account.cash)}: leave one of them out, or make them equal"
        )
    part = floor_to(left / len(silent), CENT) if silent else ZERO
    cash |= dict.fromkeys(silent, part)
    if silent:
        cash[silent[0]] += left - part * len(silent)
    account.at_exchange().cash_at = {name: cash[name] for name in names}


def refuse_other_exchanges(account: Account, names: tuple[str, ...]) -> None:
    """A paper account that goes on has its money where it was. Raises UsageError."""
    there = tuple(account.money_at)
    if (there and set(names) <= set(there)) or (not there and len(names) < 2):
        return
    before = f"has its money at {', '.join(there)}" if there else "was opened at one exchange"
    raise UsageError(
        f"the paper account {before}, this configuration trades at {', '.join(names)}: open a new one "
        "with --fresh, or name another --state-dir"
    )


def refuse_to_leave_behind(account: Account, then: Instruments, now: Instruments) -> None:
    """What is open stays at its exchange, or its money would be booked at another one. Dust, which
    nobody closes, may be left. Raises UsageError."""
    if not account.money_at:
        return
    books = BooksView(account, then)
    held = [p.symbol for p in books.positions() if not is_dust(p, books)]
    for symbol in [*held, *(order.spec.symbol for order in account.orders)]:
        if now.exchange_of(symbol) != (there := then.exchange_of(symbol)):
            raise UsageError(
                f"the account has {symbol} open at {there}, this configuration does not have it there: "
                "use the one it was opened with, or close it first (`tradectl emergency-stop "
                "--flatten`, then `tradectl clear-halt --confirm`)"
            )


__all__ = ["open_at", "refuse_other_exchanges", "refuse_to_leave_behind", "traded_at"]
