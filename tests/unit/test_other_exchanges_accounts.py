"""An account for everything, of an exchange that tells its equity alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.venues import acts, dialect
from tests.venues.dialect import Route
from tests.venues.harness import venue_at


def detail(_: Any, __: Any) -> Any:
    return {"user_id": 1, "ip_whitelist": [], "key": {"mode": 2}}


def unified(account: Any, asked: Any) -> Any:
    ledger, last = account.futures, asked.engine.last
    profit = sum((p.amount * last[s] - p.cost for s, p in ledger.positions.items()), Decimal(0))
    equity = str(ledger.wallet + profit)
    row = {"available": equity, "equity": equity, "freeze": "0", "borrowed": "0", "total_liab": "0"}
    return {"user_id": 1, "balances": {"USDT": row}, "total": equity}


async def test_its_equity_is_the_wallet_only_while_nothing_is_held() -> None:
    usual = dialect("gate", "perpetual")
    routes = {
        **usual.routes,
        ("GET", "/api/v4/account/detail"): Route(acts.NOTHING, detail),
        ("GET", "/api/v4/unified/accounts"): Route(acts.ACCOUNT, unified),
    }
    async with venue_at(replace(usual, routes=routes)) as at:
        empty = await at.venue.holdings()
        assert empty.wallets_known
        assert empty.balances["USDT"] == at.exchange.accounts["main"].futures.wallet
        await at.submit("buy", "0.1")
        at.quote("59000", "59020")
        at.trade("59000", "0.001")
        held = await at.venue.holdings()
        assert not held.wallets_known
        assert held.balances["USDT"] < at.exchange.accounts["main"].futures.wallet
