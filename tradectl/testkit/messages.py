"""Messages of the streams as the exchange words them, of accounts and of markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradectl.testkit import payloads
from tradectl.testkit.accounts import Account
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules, plain
from tradectl.testkit.trades import Candle, Trade

Json = dict[str, Any]


# --- messages of the user stream ------------------------------------------------------------------


def execution_report(o: Order, execution: str, f: Fill | None, rules: Rules, now: int) -> Json:
    canceled = execution == "CANCELED"
    return {
        "e": "executionReport",
        "E": now,
        "s": o.symbol,
        "c": o.cancel_id if canceled and o.cancel_id else o.client_id,
        "S": o.side,
        "o": o.type,
        "f": o.time_in_force,
        "q": rules.show_quantity(o.quantity),
        "p": rules.show_price(o.price),
        "P": rules.show_price(o.stop_price),
        "F": "0.00000000",
        "g": -1,
        "C": o.client_id if canceled else "",
        "x": execution,
        "X": o.status,
        "r": "NONE",
        "i": o.id,
        "l": rules.show_quantity(f.quantity if f else Decimal(0)),
        "z": rules.show_quantity(o.filled),
        "L": rules.show_price(f.price if f else None),
        "n": f"{f.fee:.8f}" if f else "0",
        "N": f.fee_asset if f else None,
        "T": o.updated_ms,
        "t": f.id if f else -1,
        "I": o.id * 2,
        "w": o.working and o.open,
        "m": bool(f and f.maker),
        "M": bool(f),
        "O": o.created_ms,
        "Z": f"{o.cost:.8f}",
        "Y": f"{f.price * f.quantity if f else Decimal(0):.8f}",
        "Q": f"{o.quote_quantity or Decimal(0):.8f}",
        "W": o.created_ms,
        "V": "NONE",
    }


def order_trade_update(o: Order, execution: str, f: Fill | None, rules: Rules, now: int) -> Json:
    detail: Json = {
        "s": o.symbol,
        "c": o.client_id,
        "S": o.side,
        "o": o.type,
        "f": o.time_in_force,
        "q": rules.show_quantity(o.quantity),
        "p": rules.show_price(o.price),
        "ap": f"{o.average:.5f}",
        "sp": rules.show_price(o.stop_price),
        "x": execution,
        "X": o.status,
        "i": o.id,
        "l": rules.show_quantity(f.quantity if f else Decimal(0)),
        "z": rules.show_quantity(o.filled),
        "L": rules.show_price(f.price if f else None),
        "T": o.updated_ms,
        "t": f.id if f else 0,
        "b": "0",
        "a": "0",
        "m": bool(f and f.maker),
        "R": o.shown_reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": o.type,
        "ps": o.position_side,
        "cp": False,
        "rp": f"{f.realized:.8f}" if f else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }
    if f:
        detail |= {"n": f"{f.fee:.8f}", "N": f.fee_asset}
    return {"e": "ORDER_TRADE_UPDATE", "E": now, "T": o.updated_ms, "o": detail}


def algo_update(o: Order, rules: Rules, now: int) -> Json:
    return {
        "e": "ALGO_UPDATE",
        "T": o.updated_ms,
        "E": now,
        "o": {
            "caid": o.client_id,
            "aid": o.id,
            "at": "CONDITIONAL",
            "o": o.type,
            "s": o.symbol,
            "S": o.side,
            "ps": o.position_side,
            "f": o.time_in_force,
            "q": rules.show_quantity(o.quantity),
            "X": o.status,
            "ai": str(o.child_id) if o.child_id else "",
            "ap": "0.00000",
            "aq": "0.00000",
            "act": "0",
            "tp": rules.show_price(o.stop_price),
            "p": rules.show_price(o.price),
            "V": "EXPIRE_MAKER",
            "wt": "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": False,
            "pP": False,
            "R": o.shown_reduce_only,
            "tt": o.updated_ms if o.child_id else 0,
            "gtd": 0,
        },
    }


def account_position(account: Account, assets: tuple[str, ...], now: int) -> Json:
    spot = account.spot
    return {
        "e": "outboundAccountPosition",
        "E": now,
        "u": now,
        "B": [
            {"a": asset, "f": f"{spot.free[asset]:.8f}", "l": f"{spot.locked[asset]:.8f}"}
            for asset in assets
        ],
    }


def balance_update(asset: str, delta: Decimal, now: int) -> Json:
    return {"e": "balanceUpdate", "E": now, "a": asset, "d": f"{delta:.8f}", "T": now}


def account_update(
    account: Account,
    reason: str,
    symbols: tuple[str, ...],
    now: int,
    change: Decimal = Decimal(0),
) -> Json:
    """`change` is what the balance changed by, profits and fees of trades aside."""
    wallet = f"{account.futures.wallet:.8f}"
    positions = [
        (symbol, side, position)
        for symbol in symbols
        for side, position in account.futures.sides(symbol, hedged=account.hedge)
    ]
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now,
        "T": now,
        "a": {
            "m": reason,
            "B": [{"a": "USDT", "wb": wallet, "cw": wallet, "bc": plain(change)}],
            "P": [
                {
                    "s": symbol,
                    "pa": plain(position.amount),
                    "ep": f"{position.entry:.8f}",
                    "bep": f"{position.entry:.8f}",
                    "cr": "0",
                    "up": "0",
                    "mt": "cross",
                    "iw": "0",
                    "ps": side,
                }
                for symbol, side, position in positions
            ],
        },
    }


# --- messages of the market streams ---------------------------------------------------------------


def trade(t: Trade, rules: Rules, now: int) -> Json:
    shown: Json = {
        "e": "trade",
        "E": now,
        "s": rules.symbol,
        "t": t.id,
        "p": rules.show_price(t.price),
        "q": rules.show_quantity(t.quantity),
        "T": t.ms,
        "m": t.buyer_is_maker,
    }
    return shown | ({"X": "MARKET"} if rules.futures else {"M": True})


def agg_trade(t: Trade, rules: Rules, now: int) -> Json:
    return {
        "e": "aggTrade",
        "E": now,
        "s": rules.symbol,
        "a": t.id,
        "p": rules.show_price(t.price),
        "q": rules.show_quantity(t.quantity),
        "f": t.id,
        "l": t.id,
        "T": t.ms,
        "m": t.buyer_is_maker,
        "M": True,
    }


def book_ticker(
    rules: Rules,
    update_id: int,
    bid: tuple[Decimal, Decimal],
    ask: tuple[Decimal, Decimal],
    now: int,
) -> Json:
    shown: Json = {
        "u": update_id,
        "s": rules.symbol,
        "b": rules.show_price(bid[0]),
        "B": rules.show_quantity(bid[1]),
        "a": rules.show_price(ask[0]),
        "A": rules.show_quantity(ask[1]),
    }
    return {"e": "bookTicker", **shown, "T": now, "E": now} if rules.futures else shown


def depth(rules: Rules, changes: list[tuple[str, Decimal, Decimal]], first: int, now: int) -> Json:
    """`changes` are side, price and size now; `first` is the number of the first of them."""
    last = first + len(changes) - 1
    shown: Json = {"e": "depthUpdate", "E": now, "s": rules.symbol, "U": first, "u": last}
    if rules.futures:
        shown |= {"T": now, "pu": first - 1}
    for key, wanted in (("b", "BUY"), ("a", "SELL")):
        shown[key] = payloads.levels(
            rules, [(price, size) for side, price, size in changes if side == wanted]
        )
    return shown


def kline(rules: Rules, interval: str, candle: Candle, now: int) -> Json:
    end = candle.start + candle.length - 1
    return {
        "e": "kline",
        "E": now,
        "s": rules.symbol,
        "k": {
            "t": candle.start,
            "T": end,
            "s": rules.symbol,
            "i": interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": rules.show_price(candle.open),
            "c": rules.show_price(candle.close),
            "h": rules.show_price(candle.high),
            "l": rules.show_price(candle.low),
            "v": rules.show_quantity(candle.volume),
            "n": candle.count,
            "x": now > end,
            "q": f"{candle.turnover:.8f}",
            "V": "0",
            "Q": "0",
            "B": "0",
        },
    }
