"""Trading the coin that fees are paid in, beside one that it pays the fees of."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.live_trader import SPOT, settings_for, trading
from tradectl.testkit import Fees, LoopbackExchange

BNB = "BNBUSDT"
pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.mark.parametrize("deposited", ["0", "0.01", "1"])
async def test_fee_coins_come_from_the_owner_first_and_all_stays_right(
    deposited: str, tmp_path: Path
) -> None:
    async with LoopbackExchange(seed=1, fees=Fees(asset="BNB")) as exchange:
        coins = exchange.accounts["main"].spot
        coins.free["BNB"] = Decimal(deposited)
        settings = settings_for(exchange, symbols=(SPOT, BNB))
        async with trading(exchange, tmp_path / "state", settings=settings) as trader:
            books = trader.run.books
            await trader.price("600", BNB)
            await trader.clean()
            for symbol, quantity in ((BNB, "2"), (SPOT, "0.5"), (SPOT, "-0.2")):
                size, sells = quantity.removeprefix("-"), quantity.startswith("-")
                sent = (
                    trader.sell(size, reduce_only=True)
                    if sells
                    else trader.buy(size, symbol=symbol)
                )
                assert (await trader.orders_done(sent)).status == "filled"
            await trader.clean()
            left = books.instrument(BNB).floor_quantity(books.position(BNB).quantity)
            out = trader.sell(str(left), symbol=BNB, reduce_only=True)
            assert (await trader.orders_done(out)).status == "filled"
            await trader.quiet()

            there = exchange.balance("BNB")
            await trader.until(lambda: books.position(BNB).quantity + books.external(BNB) == there)
            assert books.position(BNB).quantity >= 0
            assert books.external(BNB) <= Decimal(deposited)
            assert not trader.restrictions()
            assert not trader.restrictions(BNB)
            assert abs(books.cash - exchange.balance("USDT")) < Decimal("0.000001")
            paid = [f for f in exchange.truth.fills() if f.fee_asset == "BNB"]
            assert paid
            account = books.account
            assert account.invested == account.initial_cash + account.at_exchange().transferred
