"""Signed REST of the USD-M futures account: positions, balances, margin, settings of symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.testkit.accounts import Position
from tradectl.testkit.calls import Call, Route, Routes, Security
from tradectl.testkit.errors import ApiError
from tradectl.testkit.symbols import FUTURES, Rules, plain

Json = dict[str, Any]


def _rows(call: Call, rules: Rules) -> list[Json]:
    found = call.account.futures.sides(rules.symbol, hedged=call.account.hedge)
    return [_figures(call, rules, side, position) for side, position in found]


def _figures(call: Call, rules: Rules, side: str, position: Position) -> Json:
    """A position at the last price."""
    ledger, last = call.account.futures, call.engine.last[rules.symbol]
    notional = position.amount * last
    return {
        "symbol": rules.symbol,
        "positionSide": side,
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
    ledger = call.account.futures
    return [
        rules
        for symbol, rules in call.engine.rules.items()
        if every or ledger.positions[symbol].amount or ledger.beside[symbol].amount
    ]


def position_risk_v3(call: Call) -> list[Json]:
    return [row for rules in _chosen(call, every=False) for row in _rows(call, rules)]


def position_risk_v2(call: Call) -> list[Json]:
    more = {
        "leverage": "20",
        "maxNotionalValue": "100000000",
        "marginType": "cross",
        "isAutoAddMargin": "false",
    }
    return [row | more for rules in _chosen(call, every=True) for row in _rows(call, rules)]


def _asset(call: Call) -> Json:
    ledger = call.account.futures
    profit = ledger.profit(call.engine.last)
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
            row | {"unrealizedProfit": row["unRealizedProfit"]}
            for rules in _chosen(call, every=every)
            for row in _rows(call, rules)
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


def position_mode(call: Call) -> Json:
    return {"dualSidePosition": call.account.hedge}


def set_position_mode(call: Call) -> Json:
    """As the exchange itself allows it: with nothing open. Raises ApiError."""
    account, on = call.account, call.flag("dualSidePosition")
    if on is account.hedge:
        raise ApiError(-4059, "No need to change position side.")
    if any(o.account == account.name for o in call.engine.live.values()):
        raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
    if any(p.amount for p in account.futures.positions.values()):
        raise ApiError(-4068, "Position side cannot be changed if there exists position.")
    call.exchange.set_hedge_mode(on, account.name)
    return {"code": 200, "msg": "success"}


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
    ("GET", "/fapi/v1/positionSide/dual"): _signed(position_mode, 30),
    ("POST", "/fapi/v1/positionSide/dual"): _signed(set_position_mode),
    ("GET", "/fapi/v1/commissionRate"): _signed(commission_rate, 20),
}
