"""What is kept of brackets: what signals said of them, and how far trailing stops have come.

A signal with exits of its own sets them for the side that it asks for. One without keeps those of a
position that is held, and begins a new one with those of the configuration. A trailing stop belongs to
one position: it is over when that is closed or turned, and so when nothing but dust is left.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tradectl.domain.brackets import NO_STATE, BracketState, Trail
from tradectl.domain.events import (
    BracketTriggered,
    Record,
    SignalAction,
    StrategySignalEvent,
    TrailMoved,
)
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position
from tradectl.domain.shares import StrategyTarget
from tradectl.state import resting_quotes
from tradectl.state.books_view import BooksView


def on_signal(books: BooksView, event: StrategySignalEvent, _record: Record) -> None:
    """What cannot be is not kept: the portfolio refuses the signal for it."""
    symbol, kept = event.symbol, books.account.brackets
    if event.bracket is None and symbol not in kept:
        return
    if event.action == SignalAction.CLOSE or not books.knows(symbol):
        return
    long, mark = event.action == SignalAction.BUY, books.mark(symbol)
    if not long and not books.instrument(symbol).can_short:
        return
    known = kept.get(symbol, {}).get(event.strategy, NO_STATE)
    if event.bracket is None:
        own = books.holdings(symbol).get(event.strategy)
        if (
            own is not None
            and own.quantity
            and (own.quantity > 0) is long
            and not _is_dust(books, own)
        ):
            return
    elif mark and event.bracket.impossible(mark, long=long):
        return
    said = {"long": event.bracket} if long else {"short": event.bracket}
    _keep(books, symbol, event.strategy, replace(known, **said))


def on_trail(books: BooksView, event: TrailMoved, _record: Record) -> None:
    own = books.holdings(event.symbol)[event.strategy]
    known = books.account.brackets.get(event.symbol, {}).get(event.strategy, NO_STATE)
    trail, before = Trail(event.price, long=own.quantity > 0), known.trail_of(own)
    if before is not None and (trail.price <= before if trail.long else trail.price >= before):
        return  # whatever was said, it only tightens
    _keep(books, event.symbol, event.strategy, replace(known, trail=trail))


def on_triggered(books: BooksView, event: BracketTriggered, _record: Record) -> None:
    """The strategy is to be out, and not to come back by the same word. What it wanted to rest is called
    off: until it says so anew it wants nothing."""
    symbol, name = event.symbol, event.strategy
    targets = books.account.targets.get(symbol, {})
    if name in targets:
        targets[name] = targets[name].stopped_out(ZERO)
    elif name in books.quotes(symbol):
        resting_quotes.call_off(books.account, symbol, [name])
        out = StrategyTarget(name, ZERO, ZERO, ZERO)
        books.account.targets.setdefault(symbol, {})[name] = out


def end_trails(books: BooksView, symbol: str, owned: Mapping[str, Position]) -> None:
    """Positions are about to become these: what trailed another one is over."""
    kept = books.account.brackets.get(symbol)
    if kept is None:
        return
    for name, after in owned.items():
        state = kept.get(name)
        if state is None or state.trail is None:
            continue
        before = books.holdings(symbol).get(name) or Position(symbol)
        grows = abs(after.quantity) > abs(before.quantity)
        if (
            state.trail.long is not (after.quantity > 0)
            or _is_dust(books, after)
            or (grows and _is_dust(books, before))
        ):
            _keep(books, symbol, name, replace(state, trail=None))
            kept = books.account.brackets.get(symbol, {})


def _is_dust(books: BooksView, own: Position) -> bool:
    return not own.quantity or books.is_dust(own.symbol, own.quantity, None)


def _keep(books: BooksView, symbol: str, strategy: str, state: BracketState) -> None:
    kept = {**books.account.brackets.get(symbol, {}), strategy: state}
    if state == NO_STATE:
        del kept[strategy]
    if kept:
        books.account.brackets[symbol] = kept
    else:
        books.account.brackets.pop(symbol, None)


__all__ = ["end_trails", "on_signal", "on_trail", "on_triggered"]
