"""What the live exchange needs of a venue's streams, case by case, through the real ccxt's websockets:
what becomes of orders, fills with what they cost, trades and the best prices. What an exchange does not
push, or ccxt reads wrong, is asked for: its talk says so, and the cases go by that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.venues.contract import S, case
from tests.venues.harness import ACCOUNT, SYMBOL, VenueAt
from tests.venues.streams import FILLS, LOGIN, ORDERS, STREAMS
from tradectl.domain.errors import ExchangeError
from tradectl.domain.events import CloseCause
from tradectl.domain.money import Side
from tradectl.exchange.venue import Channel, VenueFill, VenueOrder

PATIENCE_S = 60.0
"""For what comes at once on an idle machine."""


class Listening:
    """`told` is what a stream of the venue has told so far."""

    def __init__(self, at: VenueAt, stream: Callable[[Callable[..., None]], Any]) -> None:
        self.at = at
        self.told: list[Any] = []
        self._stream = stream

    async def __aenter__(self) -> Listening:
        self._task = asyncio.ensure_future(self._stream(self.told.extend))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.002)

    @property
    def orders(self) -> list[VenueOrder]:
        return [one for one in self.told if isinstance(one, VenueOrder)]

    @property
    def causes(self) -> set[CloseCause | None]:
        """Why what was told of was done, where the exchange did it by itself."""
        return {one.forced for one in self.orders} | {one.forced for one in self.fills}

    @property
    def fills(self) -> list[VenueFill]:
        return [one for one in self.told if isinstance(one, VenueFill)]


async def _subscribed(account: Listening) -> None:
    talk = account.at.dialect.talk
    names = (ACCOUNT,) if talk is None else talk.account
    await account.until(lambda: account.at.listens(*names))


def _of_account(at: VenueAt) -> Listening:
    return Listening(at, at.venue.stream_account)


@case(needs=STREAMS)
async def what_of_the_account_is_pushed_is_what_is_said(at: VenueAt) -> None:
    able = at.venue.abilities
    told = {
        name
        for name, is_told in ((ORDERS, able.order_stream), (FILLS, able.fill_stream))
        if is_told
    }
    assert told == at.dialect.pushed & {ORDERS, FILLS}


@case(needs=(STREAMS, ORDERS))
async def what_becomes_of_an_order_is_pushed(at: VenueAt) -> None:
    """Its rest, a part of it filled, its cancel."""
    async with _of_account(at) as account:
        await _subscribed(account)
        order = await at.submit("buy", "0.02", "50000")
        await account.until(lambda: account.orders)
        told = account.orders[-1]
        assert (told.symbol, told.client_order_id) == (SYMBOL, at.client_id)
        assert (told.venue_order_id, told.side) == (order.venue_order_id, Side.BUY)
        assert (told.status, told.quantity, told.price) == (
            S.ACCEPTED,
            Decimal("0.02"),
            Decimal(50_000),
        )
        for part in ("0.003", "0.007"):
            at.engine.take(at.exchange.truth.ours()[-1], Decimal(part))
        await account.until(lambda: account.orders[-1].filled == Decimal("0.01"))
        assert account.orders[-1].status is S.PARTIALLY_FILLED
        assert account.orders[-1].quantity == Decimal("0.02")
        await at.venue.cancel(SYMBOL, at.client_id, order.venue_order_id)
        await account.until(lambda: account.orders[-1].status is S.CANCELED)
        assert account.orders[-1].filled == Decimal("0.01")
        assert account.orders[-1].quantity == Decimal("0.02")
        assert {one.client_order_id for one in account.orders} == {at.client_id}


@case(needs=(STREAMS, ORDERS))
async def an_order_at_the_market_is_pushed_to_its_end(at: VenueAt) -> None:
    async with _of_account(at) as account:
        await _subscribed(account)
        await at.submit("buy", "0.01")
        await account.until(lambda: account.orders and account.orders[-1].status is S.FILLED)
        assert account.orders[-1].filled == Decimal("0.01")
        assert account.orders[-1].client_order_id == at.client_id


@case(needs=(STREAMS, FILLS), side=("buy", "sell"))
async def a_fill_is_pushed_as_it_is_told_when_asked_for(at: VenueAt, side: str) -> None:
    """With its fee, and once; of an order that rested and of one that took."""
    await at.submit("buy", "0.05")
    async with _of_account(at) as account:
        await _subscribed(account)
        before = {fill.trade_id for fill in await at.venue.fills(SYMBOL, at.since)}
        await at.submit(side, "0.01")
        await at.submit(side, "0.02", "50000" if side == "buy" else "70000")
        at.engine.take(at.exchange.truth.ours()[-1], Decimal("0.02"))
        asked = await at.venue.fills(SYMBOL, at.since)
        asked = [fill for fill in asked if fill.trade_id not in before]
        assert len(asked) == 2
        await account.until(lambda: len(account.fills) >= 2)
        pushed = sorted(account.fills, key=lambda fill: fill.quantity)
        for one, other in zip(sorted(asked, key=lambda fill: fill.quantity), pushed, strict=True):
            assert (other.trade_id, other.venue_order_id) == (one.trade_id, one.venue_order_id)
            assert (other.side, other.quantity, other.price) == (one.side, one.quantity, one.price)
            assert (other.fee, other.fee_currency) == (_paid(at, one), one.fee_currency)
            assert other.liquidity is one.liquidity
            assert other.client_order_id == one.client_order_id


def _paid(at: VenueAt, told: VenueFill) -> Decimal:
    """What an exchange says only while it pushes it is known of its own books."""
    if "fees" not in at.dialect.cannot:
        return told.fee
    fills = (fill for order in at.exchange.truth.ours() for fill in order.fills)
    return next(fill.fee for fill in fills if at.dialect.fill_id(fill) == told.trade_id)


@case("perpetual", needs=STREAMS, cause=(CloseCause.LIQUIDATION, CloseCause.ADL))
async def what_the_exchange_closes_is_pushed_as_that(at: VenueAt, cause: CloseCause) -> None:
    """By the fill, or by its order."""
    await at.submit("buy", "0.03")
    async with _of_account(at) as account:
        await _subscribed(account)
        close = at.exchange.liquidate if cause is CloseCause.LIQUIDATION else at.exchange.deleverage
        close(SYMBOL)
        await account.until(lambda: cause in account.causes)


@case(needs=(STREAMS, LOGIN))
async def a_login_that_is_refused_ends_the_stream(at: VenueAt) -> None:
    """Nobody waits for what never comes."""
    at.forget_key()
    async with asyncio.timeout(PATIENCE_S), _of_account(at) as account:
        with pytest.raises(ExchangeError):
            await account.until(lambda: account.told)


@case("perpetual", needs=(STREAMS, "hedge mode"), side=("buy", "sell"))
async def in_hedge_mode_what_is_pushed_is_on_the_side_of_its_trade(at: VenueAt, side: str) -> None:
    back = "sell" if side == "buy" else "buy"
    await at.submit(side, "0.05")
    at.exchange.set_hedge_mode(True)
    await at.venue.ask_position_mode([SYMBOL])
    async with _of_account(at) as account:
        await _subscribed(account)
        await at.submit(back, "0.02", reduce_only=True)
        if at.venue.abilities.order_stream:
            await account.until(lambda: account.orders and account.orders[-1].status is S.FILLED)
            assert {order.side for order in account.orders} == {Side(back)}
        if at.venue.abilities.fill_stream:
            await account.until(lambda: account.fills)
            assert [(fill.side, fill.quantity) for fill in account.fills] == [
                (Side(back), Decimal("0.02"))
            ]


def _other(at: VenueAt, known: set[str]) -> set[str]:
    return at.channels() - known


@case(needs=STREAMS)
async def trades_and_prices_are_pushed(at: VenueAt) -> None:
    symbols = [SYMBOL]
    for channel in (Channel.TRADES, Channel.QUOTES):
        talk = at.dialect.talk
        is_polled = channel is Channel.QUOTES and talk is not None and not talk.pushes_prices
        if is_polled or channel not in at.venue.abilities.channels:
            continue
        known = at.channels()
        stream = partial(at.venue.stream, channel, symbols)
        async with Listening(at, stream) as market:
            await market.until(partial(_other, at, known))
            if channel is Channel.TRADES:
                at.trade("60000", "0.5")
                await market.until(lambda: market.told)
                (trade,) = market.told
                assert (trade.price, trade.volume) == (Decimal(60000), Decimal("0.5"))
            else:
                at.quote("59980", "60020")
                await market.until(lambda: market.told)
                assert (market.told[-1].bid, market.told[-1].ask) == (59_980, 60_020)
