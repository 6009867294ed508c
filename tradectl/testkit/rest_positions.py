"""Signed REST of the USD-M futures account: positions, balances, margin, settings of symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.testkit.calls import Call, Route, Routes, Security
from tradectl.testkit.symbols import FUTURES, Rules, plain

Json = dict[str, Any]


def _figures(call: Call, rules: Rules) -> Json:
    """A position at the last price."""
    ledger, is_hedged = call.account.futures, call.account.hedge
    position, last = ledger.positions[rules.symbol], call.engine.last[rules.symbol]
    notional = position.amount * last
    return {
        "symbol": rules.symbol,
        "positionSide": ("LONG" if position.amount > 0 else "SHORT") if is_hedged else "BOTH",
        "positionAmt": rules.show_quantity(position.amount),
        "entryPrice": f"{position.entry:.8f}",
        "breakEvenPrice": f"{position.entry:.8f}",
        "markPrice": f"{last:.8f}",
        "unRealizedProfit": f"{notional - position.cost:.8f}",
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": f"{notional:.8f}",
        "marginAsset": rules.quote,
        "isolatedWallet": "0",
        "initialMargin": f"{abs(position.cost) / ledger.leverage[rules.symbol]:.8f}",
        "maintMargin": f"{abs(notional) / 250:.8f}",
        "positionInitialMargin": f"{abs(position.cost) / ledger.leverage[rules.symbol]:.8f}",
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": call.exchange.now_ms(),
    }


def _chosen(call: Call, *, every: bool) -> list[Rules]:
    if call.params.get("symbol"):
        return [call.rules]
    held = call.account.futures.positions
    return [
        rules
        for rules in call.engine.rules.values()
        if every or (rules.symbol in held and held[rules.symbol].amount)
    ]


def position_risk_v3(call: Call) -> list[Json]:
    return [_figures(call, rules) for rules in _chosen(call, every=False)]


def position_risk_v2(call: Call) -> list[Json]:
    more = {
        "leverage": "20",
        "maxNotionalValue": "100000000",
        "marginType": "cross",
        "isAutoAddMargin": "false",
    }
    return [_figures(call, rules) | more for rules in _chosen(call, every=True)]


def _asset(call: Call) -> Json:
    ledger = call.account.futures
    profit = sum(
        p.amount * call.engine.last[s] - p.cost for s, p in ledger.positions.items() if p.amount
    )
    margin = ledger.position_margin()
    return {
        "asset": "USDT",
        "walletBalance": f"{ledger.wallet:.8f}",
        "unrealizedProfit": f"{profit:.8f}",
        "marginBalance": f"{ledger.wallet + profit:.8f}",
        "maintMargin": "0",
        "initialMargin": f"{margin + ledger.order_margin:.8f}",
        "positionInitialMargin": f"{margin:.8f}",
        "openOrderInitialMargin": f"{ledger.order_margin:.8f}",
        "crossWalletBalance": f"{ledger.wallet:.8f}",
        "crossUnPnl": f"{profit:.8f}",
        "availableBalance": f"{ledger.available():.8f}",
        "maxWithdrawAmount": f"{ledger.available():.8f}",
        "marginAvailable": True,
        "updateTime": call.exchange.now_ms(),
    }


def _account(call: Call, *, every: bool) -> Json:
    asset = _asset(call)
    totals = {
        "total" + key[0].upper() + key[1:]: asset[key]
        for key in (
            "initialMargin",
            "maintMargin",
            "walletBalance",
            "marginBalance",
            "positionInitialMargin",
            "openOrderInitialMargin",
            "crossWalletBalance",
            "crossUnPnl",
        )
    }
    return totals | {
        "feeTier": 0,
        "canTrade": call.account.may_trade,
        "canDeposit": True,
        "canWithdraw": call.account.may_withdraw,
        "multiAssetsMargin": False,
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": [
            _figures(call, rules) | {"unrealizedProfit": _figures(call, rules)["unRealizedProfit"]}
            for rules in _chosen(call, every=every)
        ],
    }


def account_v3(call: Call) -> Json:
    return _account(call, every=False)


def account_v2(call: Call) -> Json:
    return _account(call, every=True)


def balance(call: Call) -> list[Json]:
    asset = _asset(call)
    return [asset | {"accountAlias": "SgsR", "balance": asset["walletBalance"]}]


def leverage_bracket(call: Call) -> list[Json]:
    bracket = {
        "bracket": 1,
        "initialLeverage": 125,
        "notionalCap": 50_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.004,
        "cum": 0.0,
    }
    return [{"symbol": r.symbol, "brackets": [bracket]} for r in _chosen(call, every=True)]


def symbol_config(call: Call) -> list[Json]:
    return [
        {
            "symbol": r.symbol,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": call.account.futures.leverage[r.symbol],
            "maxNotionalValue": "100000000",
        }
        for r in _chosen(call, every=True)
    ]


def set_leverage(call: Call) -> Json:
    symbol = call.rules.symbol
    call.account.futures.leverage[symbol] = call.integer("leverage") or 20
    return {
        "symbol": symbol,
        "leverage": call.account.futures.leverage[symbol],
        "maxNotionalValue": "100000000",
    }


def one_way(call: Call) -> Json:
    return {"dualSidePosition": call.account.hedge}


def commission_rate(call: Call) -> Json:
    fees = call.exchange.fees
    return {
        "symbol": call.rules.symbol,
        "makerCommissionRate": plain(fees.futures_maker),
        "takerCommissionRate": plain(fees.futures_taker),
    }


def income(call: Call) -> list[Json]:
    kind, symbol = call.params.get("incomeType", ""), call.params.get("symbol", "")
    start, end = call.integer("startTime"), call.integer("endTime")
    rows = [
        row
        for row in call.account.futures.income.listed(start, end, call.exchange.now_ms())
        if kind in {"", row.kind} and symbol in {"", row.symbol}
    ]
    limit = call.limit(100, 1000)
    first = ((call.integer("page") or 1) - 1) * limit
    return [row.row() for row in rows[first : first + limit]]


def _signed(handler: Callable[[Call], Any], weight: int = 1) -> Route:
    return Route(handler, FUTURES, Security.SIGNED, weight)


ROUTES: Routes = {
    ("GET", "/fapi/v1/income"): _signed(income, 30),
    ("GET", "/fapi/v3/positionRisk"): _signed(position_risk_v3, 5),
    ("GET", "/fapi/v2/positionRisk"): _signed(position_risk_v2, 5),
    ("GET", "/fapi/v3/account"): _signed(account_v3, 5),
    ("GET", "/fapi/v2/account"): _signed(account_v2, 5),
    ("GET", "/fapi/v3/balance"): _signed(balance, 5),
    ("GET", "/fapi/v2/balance"): _signed(balance, 5),
    ("GET", "/fapi/v1/leverageBracket"): _signed(leverage_bracket),
    ("GET", "/fapi/v1/symbolConfig"): _signed(symbol_config, 5),
    ("POST", "/fapi/v1/leverage"): _signed(set_leverage),
    ("GET", "/fapi/v1/positionSide/dual"): _signed(one_way, 30),
    ("GET", "/fapi/v1/commissionRate"): _signed(commission_rate, 20),
}
