"""What the live exchange needs of a `Venue`, case by case: each holds at every exchange, or its dialect
says why it cannot (`cannot`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.venues.dialect import Dialect
from tests.venues.harness import OTHER, SYMBOL, VenueAt
from tests.venues.streams import FILLS, LOGIN, ORDERS, STREAMS
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    VenueRefusal,
)
from tradectl.domain.event import CloseCause, IncomeKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.venue import TakenUnseen

S = OrderStatus
Case = Callable[..., Awaitable[None]]
CASES: dict[str, list[Callable[[VenueAt], Awaitable[None]]]] = {}
"""By name, each with all of its variants."""


KINDS: dict[str, str] = {}
"""The one kind of market that a case is of; those that are missing are of any."""
NEEDS: dict[str, tuple[str, ...]] = {}
"""What a case needs: where a dialect cannot do that, the case proves nothing."""


def case(
    kind: str = "", needs: str | tuple[str, ...] = (), **variants: Sequence[Any]
) -> Callable[[Case], Case]:
    """A case of the contract; with `variants` of one of its parameters."""

    def add(function: Case) -> Case:
        name = function.__name__.replace("_", " ")
        runs: list[Callable[[VenueAt], Awaitable[None]]] = [
            partial(function, **{key: value})
            for key, values in variants.items()
            for value in values
        ]
        CASES[name] = runs or [function]
        KINDS[name], NEEDS[name] = kind, (needs,) if isinstance(needs, str) else needs
        return function

    return add


def holds(name: str, dialect: Dialect) -> bool:
    """It is a case of that kind of market, and of what the exchange can."""
    if KINDS[name] not in ("", dialect.kind):
        return False
    missing = {STREAMS, ORDERS, FILLS, LOGIN} - dialect.pushed | dialect.cannot.keys()
    return not any(need in missing for need in NEEDS[name])


def of_streams(name: str) -> bool:
    """It is a case of what is pushed."""
    return STREAMS in NEEDS[name]


FAULTS: tuple[tuple[dict[str, Any], type[ExchangeError]], ...] = (
    ({"kind": "error", "code": -1021}, NotExecuted),
    ({"kind": "error", "code": -2015}, AccessLost),
    ({"kind": "error", "code": -1007}, OutcomeUnknown),
    ({"kind": "error", "code": -1000, "status": 503}, OutcomeUnknown),
    ({"kind": "html", "status": 502}, OutcomeUnknown),
    ({"kind": "html", "status": 503}, OutcomeUnknown),
    ({"kind": "empty"}, OutcomeUnknown),
    ({"kind": "truncated"}, OutcomeUnknown),
    ({"kind": "reset"}, OutcomeUnknown),
    ({"kind": "429", "seconds": 1.0}, NotExecuted),
)
"""What goes wrong with an order; after the last nothing more is asked for a while."""


# --- orders ---------------------------------------------------------------------------------------


@case()
async def an_order_that_rests_is_found_by_our_id_and_in_the_list(at: VenueAt) -> None:
    order = await at.submit("buy", "0.01", "50000")
    assert order.status is S.ACCEPTED
    assert (order.client_order_id, order.quantity, order.filled) == (
        at.client_id,
        Decimal("0.01"),
        0,
    )
    again = await at.venue.find(SYMBOL, at.client_id, "")
    assert again is not None
    assert (again.venue_order_id, again.status) == (order.venue_order_id, S.ACCEPTED)
    assert (again.side, again.type, again.price) == (Side.BUY, OrderType.LIMIT, Decimal(50000))
    (listed,) = await at.venue.open_orders([SYMBOL])
    assert (listed.client_order_id, listed.quantity) == (at.client_id, Decimal("0.01"))
    (of_all,) = await at.venue.open_orders()
    assert of_all.order_key == listed.order_key


@case()
async def an_order_at_the_market_is_filled_and_told_of(at: VenueAt) -> None:
    order = await at.submit("buy", "0.01")
    assert order.status in (S.ACCEPTED, S.FILLED)
    over = await at.venue.find(SYMBOL, at.client_id, order.venue_order_id)
    assert over is not None
    assert (over.status, over.filled, over.side) == (S.FILLED, Decimal("0.01"), Side.BUY)
    (fill,) = await at.venue.fills(SYMBOL, at.since)
    assert (fill.quantity, fill.price, fill.side) == (Decimal("0.01"), Decimal(60010), Side.BUY)
    assert fill.venue_order_id == order.venue_order_id
    assert fill.fee > 0
    assert fill.fee_currency == at.dialect.money
    assert await at.held() == Decimal("0.01")


@case()
async def an_order_filled_in_part_says_how_much(at: VenueAt) -> None:
    order = await at.submit("buy", "0.01", "60000")
    at.exchange.engines[at.market].take(at.exchange.truth.ours()[-1], Decimal("0.004"))
    part = await at.venue.find(SYMBOL, at.client_id, order.venue_order_id)
    assert part is not None
    assert (part.status, part.filled) == (S.PARTIALLY_FILLED, Decimal("0.004"))
    cancelled = await at.venue.cancel(SYMBOL, at.client_id, order.venue_order_id)
    assert cancelled is not None
    assert (cancelled.status, cancelled.filled) == (S.CANCELED, Decimal("0.004"))


@case()
async def a_cancel_ends_an_order_by_either_name(at: VenueAt) -> None:
    first = await at.submit("buy", "0.01", "50000")
    gone = await at.venue.cancel(SYMBOL, at.client_id, first.venue_order_id)
    assert gone is not None
    assert gone.status is S.CANCELED
    assert gone.filled == 0
    await at.submit("buy", "0.01", "50000")
    if "cancel by our id" in at.dialect.cannot:
        with pytest.raises(VenueRefusal, match="its own id"):
            await at.venue.cancel(SYMBOL, at.client_id, "")
        return
    again = await at.venue.cancel(SYMBOL, at.client_id, "")
    assert again is not None
    assert again.status is S.CANCELED
    assert await at.venue.open_orders([SYMBOL]) == []


@case()
async def a_cancel_of_what_is_over_or_was_never_there_ends_nothing(at: VenueAt) -> None:
    order = await at.submit("buy", "0.01", "50000")
    await at.venue.cancel(SYMBOL, at.client_id, order.venue_order_id)
    assert await at.venue.cancel(SYMBOL, at.client_id, order.venue_order_id) is None
    if "cancel by our id" not in at.dialect.cannot:
        assert await at.venue.cancel(SYMBOL, "tcabcde99999999999", "") is None


@case()
async def an_order_that_nobody_sent_is_not_found(at: VenueAt) -> None:
    assert await at.venue.find(SYMBOL, "tcabcde99999999999", "") is None


@case()
async def an_order_that_is_over_is_found_by_our_id_too(at: VenueAt) -> None:
    await at.submit("sell" if at.market == "futures" else "buy", "0.01")
    over = await at.venue.find(SYMBOL, at.client_id, "")
    assert over is not None
    assert (over.status, over.filled) == (S.FILLED, Decimal("0.01"))


@case(
    count=(
        1,
        130,
    )
)
async def every_order_that_rests_is_listed(at: VenueAt, count: int) -> None:
    for number in range(count):
        at.exchange.outside_order(
            "main", SYMBOL, "BUY", "0.003", str(40_000 + number), market=at.market
        )
    listed = await at.venue.open_orders([SYMBOL])
    assert {order.price for order in listed} == {Decimal(40_000 + n) for n in range(count)}
    assert len(await at.venue.open_orders()) == count


# --- fills ----------------------------------------------------------------------------------------


@case(
    count=(
        1,
        60,
        130,
    )
)
async def no_fill_is_lost_between_pages(at: VenueAt, count: int) -> None:
    """Whether its pages begin with the oldest or the newest, and many of them of one moment."""
    await at.submit("buy", "1", "60000")
    order = at.exchange.truth.ours()[-1]
    for _ in range(count):
        at.exchange.engines[at.market].take(order, Decimal("0.001"))
    told = await at.venue.fills(SYMBOL, at.since)
    assert [fill.trade_id for fill in told] == [at.dialect.fill_id(fill) for fill in order.fills]
    assert sum(fill.quantity for fill in told) == order.filled


# --- the account ----------------------------------------------------------------------------------


@case()
async def what_is_held(at: VenueAt) -> None:
    before = (await at.venue.holdings()).balances[at.dialect.money]
    await at.submit("buy", "0.01")
    (fill,) = await at.venue.fills(SYMBOL, at.since)
    after = await at.venue.holdings()
    assert after.of(at.venue.instrument(SYMBOL)) == Decimal("0.01")
    spent = fill.fee if at.market == "futures" else fill.fee + Decimal("600.1")
    if after.wallets_known:
        assert after.balances[at.dialect.money] == before - spent


@case("perpetual")
async def a_short_position_is_below_zero(at: VenueAt) -> None:
    await at.submit("sell", "0.02")
    assert await at.held() == Decimal("-0.02")


@case("perpetual")
async def what_a_position_would_yield_is_no_part_of_the_wallet(at: VenueAt) -> None:
    await at.submit("buy", "0.1")
    bought = await at.venue.holdings()
    assert bought.wallets_known
    for bid in ("59000", "61000"):
        at.quote(bid, str(int(bid) + 20))
        at.trade(bid, "0.001")
        moved = await at.venue.holdings()
        assert moved.balances == bought.balances
        balance = moved.detailed[at.dialect.money]
        profit = Decimal("0.1") * (Decimal(bid) - 60010)
        assert balance.equity - balance.wallet == (0 if "equity" in at.dialect.cannot else profit)


@case("perpetual", cause=(CloseCause.LIQUIDATION, CloseCause.ADL))
async def what_the_exchange_closes_is_told_as_that(at: VenueAt, cause: CloseCause) -> None:
    await at.submit("buy", "0.03")
    close = at.exchange.liquidate if cause is CloseCause.LIQUIDATION else at.exchange.deleverage
    close(SYMBOL)
    bought, closed = await at.venue.fills(SYMBOL, at.since)
    assert bought.forced is None
    assert (closed.side, closed.quantity) == (Side.SELL, Decimal("0.03"))
    order = await at.venue.find(SYMBOL, "", closed.venue_order_id)
    assert cause in (closed.forced, order.forced if order is not None else None)
    assert await at.held() == 0


@case("perpetual")
async def reduce_only_reduces_and_nothing_else(at: VenueAt) -> None:
    with pytest.raises(VenueRefusal) as refused:
        await at.submit("sell", "0.01", reduce_only=True)
    assert refused.value.cause is RefusalCause.REDUCE_ONLY
    await at.submit("buy", "0.01")
    await at.submit("sell", "0.01", reduce_only=True)
    assert await at.held() == 0


@case("perpetual", needs="hedge mode")
async def hedge_mode_is_found_of_an_empty_account(at: VenueAt) -> None:
    """And where each symbol has a mode of its own, of any that is traded."""
    account = at.exchange.accounts["main"]
    account.hedge = True
    await at.venue.close()
    await at.venue.open()
    assert at.venue.hedged == {SYMBOL}
    await at.venue.close()
    account.hedge_of = (OTHER,)
    at.venue = at.venue_of(SYMBOL, OTHER)
    await at.venue.open()
    assert OTHER in at.venue.hedged


@case("perpetual", needs="hedge mode")
async def hedge_mode_is_noticed_when_it_is_switched_on_and_off(at: VenueAt) -> None:
    """An entry is refused by its cause, and once the mode is known not even sent."""
    assert not at.venue.hedged
    at.exchange.set_hedge_mode(True)
    with pytest.raises(VenueRefusal) as refused:
        await at.submit("buy", "0.01")
    assert refused.value.cause is RefusalCause.POSITION_SIDE
    await at.venue.ask_position_mode([SYMBOL])
    assert at.venue.hedged == {SYMBOL}
    refuses = at.exchange.misbehave("reset", method="POST", path="*rder", count=-1)
    with pytest.raises(VenueRefusal, match="set it to one-way mode"):
        await at.submit("buy", "0.01")
    assert not refuses.hits
    at.exchange.behave()
    at.exchange.set_hedge_mode(False)
    await at.venue.ask_position_mode([SYMBOL])
    assert not at.venue.hedged
    await at.submit("buy", "0.01")
    assert await at.held() == Decimal("0.01")


@case("perpetual", needs="hedge mode", side=("buy", "sell"))
async def in_hedge_mode_what_reduces_closes_its_own_side(at: VenueAt, side: str) -> None:
    """Of a position of ours, with one of somebody else's on the other side, which stays as it is."""
    ours, back = (1, "sell") if side == "buy" else (-1, "buy")
    await at.submit(side, "0.01")
    at.exchange.set_hedge_mode(True)
    other = "SHORT" if ours > 0 else "LONG"
    at.exchange.outside_order("main", SYMBOL, back, "0.02", market=at.market, position_side=other)
    holdings = await at.venue.holdings()
    beside = Decimal("-0.02") * ours
    assert holdings.beside(SYMBOL, Decimal(ours)) == beside
    assert holdings.of(at.venue.instrument(SYMBOL)) == Decimal("-0.01") * ours
    assert at.venue.hedged == {SYMBOL}
    rests = await at.submit(back, "0.01", "62000" if ours > 0 else "58000", reduce_only=True)
    (listed,) = await at.venue.open_orders([SYMBOL])
    assert (listed.side, listed.reduce_only) == (Side(back), True)
    await at.venue.cancel(SYMBOL, at.client_id, rests.venue_order_id)
    order = await at.submit(back, "0.01", reduce_only=True)
    assert order.side is Side(back)
    told = await at.venue.fills(SYMBOL, at.since)
    closing = [fill for fill in told if fill.venue_order_id == order.venue_order_id]
    assert [(fill.side, fill.quantity) for fill in closing] == [(Side(back), Decimal("0.01"))]
    assert (await at.venue.holdings()).positions == {SYMBOL: beside}
    with pytest.raises(VenueRefusal) as refused:
        await at.submit(back, "0.01", reduce_only=True)
    assert refused.value.cause is RefusalCause.REDUCE_ONLY
    assert (await at.venue.holdings()).positions == {SYMBOL: beside}


# --- money that the exchange moves ---------------------------------------------------------------


@case("perpetual", needs="income")
async def what_it_moves_money_for_is_told_once_and_as_what_it_is(at: VenueAt) -> None:
    assert at.venue.abilities.income
    await at.submit("buy", "0.01")
    paid = at.exchange.fund(SYMBOL, "0.001")
    for amount in ("-7", "300"):
        at.exchange.pay("TRANSFER", amount)
    told = await at.income()
    assert sorted((row.kind, row.amount, row.symbol) for row in told) == [
        (IncomeKind.FUNDING, paid, SYMBOL),
        (IncomeKind.TRANSFER, Decimal(-7), ""),
        (IncomeKind.TRANSFER, Decimal(300), ""),
    ]
    assert {row.currency for row in told} == {at.dialect.money}
    assert all(row.told for row in told)
    assert await at.income() == told


@case("perpetual", needs="income", count=(51, 620))
async def no_income_is_lost_between_pages(at: VenueAt, count: int) -> None:
    """A page ends amid rows of one moment, and what fills tell better stands between them."""
    now = at.exchange.now_ms()
    for number in range(count):
        kind = "TRANSFER" if number % 3 else "REALIZED_PNL"
        at_ms = now - 1000 * ((count - number) // 20)
        at.exchange.pay(kind, str(-number - 1), symbol=SYMBOL, at_ms=at_ms)
    told = await at.income()
    expected = [Decimal(-number - 1) for number in range(count) if number % 3]
    assert sorted(row.amount for row in told) == sorted(expected)
    assert len({row.income_id for row in told}) == len(expected)


@case("perpetual", needs="income")
async def months_of_income_are_asked_for_in_windows(at: VenueAt) -> None:
    now, day = at.exchange.now_ms(), 86_400_000
    for number in range(60):
        at.exchange.pay("TRANSFER", str(number + 1), at_ms=now - (59 - number) * day)
    told = await at.income(days=70)
    assert [row.amount for row in told] == [Decimal(number + 1) for number in range(60)]


@case("perpetual", needs="income")
async def income_that_cannot_be_asked_for_is_not_none(at: VenueAt) -> None:
    at.exchange.misbehave("html", method="GET", path="*income", count=-1, status=503)
    with pytest.raises(NotExecuted):
        await at.income()


# --- stops ----------------------------------------------------------------------------------------


@case(needs="stops")
async def a_stop_waits_is_listed_and_ends_by_its_price(at: VenueAt) -> None:
    await at.submit("buy", "0.01")
    stop = await at.submit(
        "sell", "0.01", type=OrderType.STOP_MARKET, stop_price=Decimal(59000), reduce_only=True
    )
    assert stop.status is S.ACCEPTED
    (listed,) = await at.venue.open_orders([SYMBOL])
    assert (listed.client_order_id, listed.stop_price) == (at.client_id, Decimal(59000))
    has_limit = "stops at the market" in at.dialect.cannot
    kind = OrderType.STOP_LIMIT if has_limit else OrderType.STOP_MARKET
    assert (listed.type, listed.quantity) == (kind, Decimal("0.01"))
    if at.market == "futures":
        assert listed.reduce_only
    waits = await at.venue.find(SYMBOL, at.client_id, stop.venue_order_id)
    assert waits is not None
    assert waits.status is S.ACCEPTED
    at.quote("58900", "58990")
    at.trade("58990", "0.001")
    over = await at.venue.find(SYMBOL, at.client_id, stop.venue_order_id)
    assert over is not None
    assert (over.status, over.filled) == (S.FILLED, Decimal("0.01"))
    assert await at.held() == 0


@case(needs="stops")
async def a_stop_is_cancelled_by_our_id(at: VenueAt) -> None:
    await at.submit("buy", "0.01")
    stop = await at.submit(
        "sell", "0.01", type=OrderType.STOP_MARKET, stop_price=Decimal(59000), reduce_only=True
    )
    named = stop.venue_order_id if "cancel by our id" in at.dialect.cannot else ""
    gone = await at.venue.cancel(SYMBOL, at.client_id, named)
    assert gone is not None
    assert gone.status is S.CANCELED
    assert await at.venue.open_orders([SYMBOL]) == []
    assert await at.venue.cancel(SYMBOL, at.client_id, stop.venue_order_id) is None


@case("perpetual", needs=("stops", "hedge mode"))
async def a_stop_of_hedge_mode_ends_its_own_side(at: VenueAt) -> None:
    await at.submit("buy", "0.01")
    at.exchange.set_hedge_mode(True)
    at.exchange.outside_order(
        "main", SYMBOL, "sell", "0.02", market=at.market, position_side="SHORT"
    )
    await at.venue.ask_position_mode([SYMBOL])
    stop = await at.submit(
        "sell", "0.01", type=OrderType.STOP_MARKET, stop_price=Decimal(59000), reduce_only=True
    )
    (listed,) = await at.venue.open_orders([SYMBOL])
    assert (listed.stop_price, listed.reduce_only) == (Decimal(59000), True)
    at.quote("58900", "58990")
    at.trade("58990", "0.001")
    over = await at.venue.find(SYMBOL, at.client_id, stop.venue_order_id)
    assert over is not None
    assert (over.status, over.filled) == (S.FILLED, Decimal("0.01"))
    assert (await at.venue.holdings()).positions == {SYMBOL: Decimal("-0.02")}


# --- errors ---------------------------------------------------------------------------------------


@case()
async def too_little_money_is_a_refusal_that_says_so(at: VenueAt) -> None:
    with pytest.raises(VenueRefusal) as refused:
        await at.submit("buy", "900", "50000")
    assert refused.value.cause is RefusalCause.FUNDS


@case(needs="post only")
async def an_order_that_would_take_is_refused_where_it_must_not(at: VenueAt) -> None:
    try:
        order = await at.submit("buy", "0.01", "60500", post_only=True)
    except VenueRefusal:
        return
    over = await at.venue.find(SYMBOL, at.client_id, order.venue_order_id)
    assert over is not None
    assert over.status in (S.CANCELED, S.EXPIRED, S.REJECTED)
    assert over.filled == 0


@case()
async def what_is_wrong_with_an_order_is_told_apart(at: VenueAt) -> None:
    for fault, expected in FAULTS:
        asked = {**fault, "count": 2} if fault.get("code") == -1021 else fault
        at.exchange.misbehave(method="POST", path="*rder", **asked)
        with pytest.raises(ExchangeError) as raised:
            await at.submit("buy", "0.01", "50000")
        assert isinstance(raised.value, expected), fault
        at.exchange.behave()


@case(code=(-2015, -1021, -1007))
async def a_question_that_is_refused_refuses_no_order(at: VenueAt, code: int) -> None:
    """Where only yes is said of an order, what became of it is asked for next."""
    for path in ("order", "openOrders", "allOrders"):
        at.exchange.misbehave("error", method="GET", path=f"*{path}", code=code, count=3)
    try:
        order = await at.submit("buy", "0.01", "50000")
    except OutcomeUnknown:
        order = None
    except TakenUnseen as denied:
        order = denied.order
    assert [known.client_id for known in at.exchange.truth.open_orders()] == [at.client_id]
    assert order is None or order.status is S.ACCEPTED


@case(
    "perpetual",
    code=(
        -4061,
        -4108,
    ),
)
async def a_symbol_or_an_account_that_takes_no_orders_is_named(at: VenueAt, code: int) -> None:
    at.exchange.misbehave("error", method="POST", path="*rder", code=code, placed=False)
    with pytest.raises(VenueRefusal) as refused:
        await at.submit("buy", "0.01", "50000")
    why = RefusalCause.POSITION_SIDE if code == -4061 else RefusalCause.CLOSED
    assert refused.value.cause in (why, RefusalCause.CLOSED)


@case()
async def an_answer_lost_after_it_was_done_is_resolved_by_asking(at: VenueAt) -> None:
    at.exchange.misbehave("reset", method="POST", path="*rder", placed=True)
    with pytest.raises(OutcomeUnknown):
        await at.submit("buy", "0.01", "50000")
    order = await at.venue.find(SYMBOL, at.client_id, "")
    assert order is not None
    assert order.status is S.ACCEPTED
    assert at.exchange.truth.accepted(at.client_id) == 1


@case(needs="duplicate")
async def what_is_sent_twice_is_there_once(at: VenueAt) -> None:
    first = await at.submit("buy", "0.01", "50000")
    at.sent -= 1
    with pytest.raises(OutcomeUnknown):
        await at.submit("buy", "0.01", "50000")
    (only,) = await at.venue.open_orders([SYMBOL])
    assert only.venue_order_id == first.venue_order_id


@case()
async def what_it_is_asked_about_an_order_while_it_fails_is_no_answer(at: VenueAt) -> None:
    await at.submit("buy", "0.01", "50000")
    at.exchange.misbehave("html", method="GET", count=-1, status=503)
    with pytest.raises(NotExecuted):
        await at.venue.find(SYMBOL, at.client_id, "")
    with pytest.raises(NotExecuted):
        await at.venue.open_orders([SYMBOL])
    at.exchange.behave()


# --- the market -----------------------------------------------------------------------------------


@case()
async def rules_and_prices(at: VenueAt) -> None:
    rules = at.venue.instrument(SYMBOL)
    assert (rules.base, rules.quote) == ("BTC", at.dialect.money)
    ours = at.engine.rules[SYMBOL]
    assert rules.lot_size == ours.lot
    quote = await at.venue.quote(SYMBOL)
    assert (quote.bid, quote.ask) == (Decimal(59990), Decimal(60010))
    at.trade("60000", "0.5")
    trades = await at.venue.recent_trades(SYMBOL, 0)
    assert (trades[-1].price, trades[-1].volume) == (Decimal(60000), Decimal("0.5"))
    if at.venue._at.tells_time:
        assert abs(await at.venue.clock_offset()) < 2_000_000_000


from tests.venues import pushed  # noqa: E402, F401  its cases are of the contract, too
