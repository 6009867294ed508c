"""What `reconcile --accept` books, and what is traded then: worked out on a copy of the books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradectl.config.settings import Settings
from tradectl.documents.operations import Proposal, ProposedBooking, ProposedOrder
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Acceptance, AccountReported, Record
from tradectl.domain.money import decimal_text, plain, side_of
from tradectl.domain.orders import OrderType
from tradectl.exchange.base import Accepted, Proof
from tradectl.portfolio.brackets import Brackets
from tradectl.portfolio.decisions import obstacle
from tradectl.portfolio.shared_delta import change_to
from tradectl.state.adoption import price_of
from tradectl.state.books import Books

MENDS = {
    Acceptance.EXTERNAL: "less than ours is there: it was traded (`--accept fill`), or taken out "
    "(`--accept position`)",
    Acceptance.TRANSFER: "a position is no money: `--accept external`, `position` or `fill`",
}


def propose(
    books: Books, proofs: Sequence[Proof], accepted: Accepted, settings: Settings
) -> Proposal:
    """By what the exchanges say now. Raises UsageError for a symbol that none of them trades."""
    reports = [_report(proof, accepted) for proof in proofs]
    known = {symbol for report in reports for symbol in report.positions}
    for symbol in accepted.symbols:
        if symbol not in known:
            raise UsageError(f"{symbol}: expected one of {', '.join(sorted(known))}")
        prices_coins = accepted.kind is Acceptance.EXTERNAL and accepted.price is not None
        if prices_coins and not books.instrument(symbol).can_short:
            raise UsageError(
                f"{symbol}: coins on spot have no price that matters: leave --price out"
            )
    after = Books(books.snapshot(), books.instruments, limits=books.limits, projected=False)
    for report in reports:
        after.on_account_report(report, Record(0, 0, report))
    symbols = sorted(known if not accepted.symbols else {*accepted.symbols})
    rows = [*_bookings(books, after, reports, symbols), *_cash(books, after)]
    moved = [row.symbol for row in rows if row.symbol and row.ours_before != row.ours_after]
    transferred = after.account.invested - books.account.invested
    return Proposal(
        accept=accepted.kind,
        bookings=rows,
        profit=decimal_text(after.profit() - books.profit()),
        transferred=decimal_text(transferred),
        orders=[order for symbol in moved for order in _orders(symbol, after, settings)],
        resizes=bool(after.wanted()) and after.equity() != books.equity(),
        refused=[*_refused(after, reports, symbols)],
        follows=[*_follows(after, accepted, symbols)],
    )


def _report(proof: Proof, accepted: Accepted) -> AccountReported:
    return AccountReported(
        source_component=proof.exchange,
        exchange=proof.exchange,
        positions=dict(proof.held),
        cash=proof.cash,
        accept=accepted.kind,
        symbols=accepted.symbols,
        price=accepted.price,
    )


def _bookings(
    books: Books, after: Books, reports: Sequence[AccountReported], symbols: Sequence[str]
) -> Iterator[ProposedBooking]:
    for report in reports:
        for symbol in [symbol for symbol in symbols if symbol in report.positions]:
            before, now = (
                (view.position(symbol).quantity, view.external(symbol), _cost(view, symbol))
                for view in (books, after)
            )
            if before != now:
                is_external = report.accept is Acceptance.EXTERNAL
                price = report.price if is_external else price_of(books, report, symbol)
                yield ProposedBooking(
                    symbol=symbol,
                    ours_before=decimal_text(before[0]),
                    ours_after=decimal_text(now[0]),
                    external_before=decimal_text(before[1]),
                    external_after=decimal_text(now[1]),
                    price=None if price is None else decimal_text(price),
                )


def _cash(books: Books, after: Books) -> Iterator[ProposedBooking]:
    before, now = books.account.at_exchange(), after.account.at_exchange()
    if books.cash != after.cash or before.external_cash != now.external_cash:
        yield ProposedBooking(
            symbol=None,
            ours_before=decimal_text(books.cash),
            ours_after=decimal_text(after.cash),
            external_before=decimal_text(before.external_cash),
            external_after=decimal_text(now.external_cash),
            price=None,
        )


def _cost(books: Books, symbol: str) -> Decimal | None:
    """Of what is external, where somebody has said it."""
    return books.account.at_exchange().external_cost.get(symbol)


def _follows(after: Books, accepted: Accepted, symbols: Sequence[str]) -> Iterator[str]:
    """What closing a perpetual that is external will do to the money, if nobody says what it cost."""
    for symbol in symbols if accepted.kind is Acceptance.EXTERNAL else ():
        external = after.external(symbol)
        if external and after.instrument(symbol).can_short and _cost(after, symbol) is None:
            yield (
                f"{symbol}: what {plain(external)} cost is not known: the money will differ once it is "
                "closed, and nothing enters until `--accept transfer`. Say it with "
                f"`--accept external --symbol {symbol} --price PRICE`"
            )


def _orders(symbol: str, after: Books, settings: Settings) -> Iterator[ProposedOrder]:
    """By what strategies want now, and the stop of what is held."""
    instrument, mark, position = (
        after.instrument(symbol),
        after.mark(symbol),
        after.position(symbol),
    )
    if not mark:
        return
    if targets := after.targets(symbol):
        change = change_to(instrument, mark, targets, after, only_reduce=False)
        if change.quantity and not obstacle(change, settings.portfolio, repeated=True):
            yield _order(symbol, change.quantity, OrderType.MARKET)
    away = settings.portfolio.stop_loss_pct
    brackets = Brackets({s.name: s.bracket for s in settings.strategies}, away)
    size = instrument.floor_quantity(position.quantity)
    if away is not None and not instrument.is_dust(abs(size), mark):
        yield _order(symbol, -size, OrderType.STOP_MARKET)
    else:
        levels = brackets.levels(symbol, after)
        for part in brackets.resting_stops(levels, symbol, after).values():
            yield _order(symbol, -part if size > 0 else part, OrderType.STOP_MARKET)


def _order(symbol: str, signed: Decimal, kind: OrderType) -> ProposedOrder:
    return ProposedOrder(
        symbol=symbol, side=side_of(signed), quantity=decimal_text(abs(signed)), type=kind
    )


def _refused(
    after: Books, reports: Sequence[AccountReported], symbols: Sequence[str]
) -> Iterator[str]:
    for report in reports:
        for symbol in [symbol for symbol in symbols if symbol in report.positions]:
            left = report.positions[symbol] - after.position(symbol).quantity
            left -= after.external(symbol)
            if left:
                yield f"{symbol}: {plain(left)} still differs: {_mend(after, report, symbol)}"


def _mend(books: Books, report: AccountReported, symbol: str) -> str:
    kind = report.accept
    assert kind is not None
    if kind in MENDS:
        return MENDS[kind]
    if price_of(books, report, symbol) is None:
        return f"no price known: say it: `--accept {kind} --symbol {symbol} --price PRICE`"
    return "it changed meanwhile: ask once more"


__all__ = ["propose"]
