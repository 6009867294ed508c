"""What strategies want to rest, in the books: as risk approved it, less what came of it.

said anew             the whole is replaced; what the strategy wanted by signals there is over
filled                less what was filled
could not rest        less what was refused, expired, or cancelled by somebody else: it is not placed
                      again before the strategy speaks
had no room           wanted yet: what stood against the order was no level of it, and passes by itself
stopped, called off   nothing is wanted any more: a stop closed it, or the operator cancelled all
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.events import QuotesApproved, QuotesDenied
from tradectl.domain.orders import Order
from tradectl.domain.quotes import NO_QUOTES, QuoteSet
from tradectl.state.account import Account

NO_ROOM = frozenset(
    {"BALANCE", "MARGIN", "WORKING_ORDERS", "DUPLICATE", "ORDER_RATE", "MESSAGE_RATE"}
)
"""Why risk denies an order for what else there is at the moment."""


def put(account: Account, event: QuotesApproved | QuotesDenied) -> None:
    """In force as of now. A strategy quotes a symbol or has a target there, whichever it said last."""
    account.quotes.setdefault(event.symbol, {})[event.strategy] = event.quotes
    if event.quotes:
        account.targets.get(event.symbol, {}).pop(event.strategy, None)


def take_filled(account: Account, order: Order, quantity: Decimal) -> None:
    known, spec = _of(account, order), order.spec
    if known and spec.price is not None:
        _keep(account, order, known.filled(spec.side, spec.price, spec.tag, quantity))


def take_what_cannot_rest(account: Account, order: Order) -> None:
    known, spec = _of(account, order), order.spec
    if known and spec.price is not None:
        _keep(account, order, known.dropped(spec.side, spec.price, spec.tag, order.remaining))


def call_off(account: Account, symbol: str, names: Iterable[str]) -> None:
    known = account.quotes.get(symbol, {})
    for name in names:
        if name in known:
            known[name] = NO_QUOTES


def call_off_all(account: Account) -> None:
    for symbol, known in account.quotes.items():
        call_off(account, symbol, known)


def _of(account: Account, order: Order) -> QuoteSet:
    return account.quotes.get(order.spec.symbol, {}).get(order.spec.strategy, NO_QUOTES)


def _keep(account: Account, order: Order, quotes: QuoteSet) -> None:
    account.quotes[order.spec.symbol][order.spec.strategy] = quotes


__all__ = ["NO_ROOM", "call_off", "call_off_all", "put", "take_filled", "take_what_cannot_rest"]
