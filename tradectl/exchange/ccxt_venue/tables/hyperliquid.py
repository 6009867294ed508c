"""Hyperliquid: a wallet is the account; what its key signs is done, or a key that it approved.

The key is the address of the account, the secret a private key: best one of an API wallet, which may
trade and not withdraw. Client ids are numbers of 128 bits. A market order is an immediate limit order
within 5% of the price that it is sent with. ccxt would sign up for a referral and approve a fee for its
authors: it is kept from both. The dead-man switch cancels the whole account's orders, and is not used.
Fills and open orders are told of all symbols together, and so is funding; what was moved stands in a
ledger of its own, each line of it from the view of whoever did it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.client_ids import HexClientIds
from tradectl.exchange.ccxt_venue.decimals import exact
from tradectl.exchange.ccxt_venue.error_codes import A, ErrorCodes, N, R
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, by_name
from tradectl.exchange.ccxt_venue.quirks import LoginPart, Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence

_COINS = {
    "UDZ": "2Z", "UBONK": "BONK", "UBTC": "BTC", "UETH": "ETH", "UFART": "FARTCOIN",
    "HPENGU": "PENGU", "UPUMP": "PUMP", "USOL": "SOL", "UUUSPX": "SPX", "USDT0": "USDT",
    "XAUT0": "XAUT", "UXPL": "XPL",
}  # fmt: skip
"""Tokens that stand for coins, and by whose names ccxt calls them."""
BOTH = frozenset({"spot", "perpetual"})


def _margin(info: Mapping[str, Any]) -> list[dict[str, Decimal]]:
    """What it tells is the worth of all: what open positions would yield is among it."""
    positions = [row["position"] for row in info["assetPositions"]]
    yields = sum((exact(position["unrealizedPnl"]) for position in positions), ZERO)
    worth = exact(info["marginSummary"]["accountValue"])
    used = exact(info["marginSummary"]["totalMarginUsed"])
    row: dict[str, Any] = {"coin": "USDC", "wallet": worth - yields, "worth": worth}
    return [row | {"free": worth - used}]


def _fee_currency(fill: Mapping[str, Any]) -> str:
    token = str(fill.get("feeToken") or "")
    return _COINS.get(token, token)


def _funded(row: Mapping[str, Any], _: str) -> dict[str, Any]:
    return {**row["delta"], "ms": row["time"], "currency": "USDC"}


def _moved(row: Mapping[str, Any], account: str) -> dict[str, Any]:
    """A line of the ledger, by what it moved on the perpetual account of the wallet."""
    delta = row["delta"]
    signed = _IN_OR_OUT.get(delta["type"])
    amount = ZERO if signed is None else signed(delta, account.lower())
    told = {"hash": row["hash"], "type": delta["type"], "amount": amount}
    return {**told, "ms": row["time"], "currency": "USDC"}


def _usdc(delta: Mapping[str, Any]) -> Decimal:
    return exact(delta["usdc"])


def _fee(delta: Mapping[str, Any]) -> Decimal:
    return exact(delta.get("fee") or "0")


def _between(delta: Mapping[str, Any], account: str) -> Decimal:
    """Of two wallets: the one that sends pays the fee."""
    came = _usdc(delta) if delta["destination"].lower() == account else ZERO
    went = _usdc(delta) + _fee(delta) if delta["user"].lower() == account else ZERO
    return came - went


def _sent(delta: Mapping[str, Any], account: str) -> Decimal:
    """Of two wallets and their parts: the perpetual account has no name."""
    if delta["token"] != "USDC":
        return ZERO
    to_us = delta["destination"].lower() == account and delta["destinationDex"] == ""
    from_us = delta["user"].lower() == account and delta["sourceDex"] == ""
    came = exact(delta["amount"]) if to_us else ZERO
    return came - (exact(delta["amount"]) + _fee(delta) if from_us else ZERO)


_IN_OR_OUT: dict[str, Callable[[Mapping[str, Any], str], Decimal]] = {
    "deposit": lambda delta, _: _usdc(delta),
    "withdraw": lambda delta, _: -_usdc(delta) - _fee(delta),
    "accountClassTransfer": lambda delta, _: _usdc(delta) if delta["toPerp"] else -_usdc(delta),
    "internalTransfer": _between,
    "subAccountTransfer": _between,
    "send": _sent,
    "vaultCreate": lambda delta, _: -_usdc(delta) - _fee(delta),
    "vaultDeposit": lambda delta, _: -_usdc(delta),
    "vaultDistribution": lambda delta, _: _usdc(delta),
    "vaultWithdraw": lambda delta, _: exact(delta["netWithdrawnUsd"]),
}
"""All others move what is no money of the perpetual account; what one is that came later shows in the
balance."""


def _last_trades(market: Mapping[str, Any]) -> dict[str, str]:
    coin = market["baseName"] if market["swap"] else market["id"]
    return {"type": "recentTrades", "coin": coin, "user": "0x" + 40 * "0"}


def _refused(what: RefusalCause, *texts: str) -> dict[str, RefusalCause]:
    return dict.fromkeys(texts, what)


_REFUSALS = {
    **_refused(
        RefusalCause.FUNDS, "Insufficient margin to place order", "Insufficient spot balance asset"
    ),
    **_refused(
        RefusalCause.RULES,
        "Price must be divisible by tick size",
        "Order must have minimum value of",
        "Order has invalid size",
        "Order has zero size",
        "Order price cannot be more than",
    ),
    **_refused(RefusalCause.REDUCE_ONLY, "Reduce only order would increase position"),
    **_refused(
        RefusalCause.NOT_FILLED,
        "Order could not immediately match",
        "No liquidity available for market order",
    ),
    **_refused(
        RefusalCause.OTHER, "Post only order would have immediately matched", "Invalid TP/SL price"
    ),
}
_KEYS = (
    "User or API Wallet",
    "L1 error: User or API Wallet",
    "Must deposit before performing actions",
)
_CLOCK = "Invalid nonce"
_LIQUIDATED = [
    f"Liquidated {how} {side}" for how in ("Cross", "Isolated") for side in ("Long", "Short")
]
_TOO_OFTEN = "Too many cumulative requests sent"
_GONE = "Order was never placed, already canceled, or filled", "unknownOid"

_HISTORY: dict[str, Any] = {
    "method": "publicPostInfo",
    "account": "user",
    "limit_key": "",
    "limit": 500,
    "page": "",
    "window_ms": 400 * DAY_MS,
    "history_ms": 400 * DAY_MS,
    "time_key": "ms",
    "market_key": "baseName",
    "currency_key": "currency",
}
"""Both are told of all coins together, the oldest first."""

TABLE = ExchangeTable(
    fence=Fence(
        "expiresAfter (ms UTC), beside the action and signed with it, not sent by ccxt with orders. "
        "Turned away afterwards",
        "hyperliquid-dex/hyperliquid-python-sdk, hyperliquid/exchange.py, set_expires_after",
    ),
    quirks=Quirks(
        took_key="crossed",
        position_modes=("one-way",),
        # each does what ccxt asks for before the first order: nothing of it is ours
        options={"builderFee": False, "refSet": True},
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
            "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
        },
        words=frozenset({
            "unifiedAccount", "portfolioMargin", "disabled", "default", "dexAbstraction",
        }),
        awaited_pins={"handle_builder_fee_approval": True},
        login={
            "api_key": LoginPart(
                "walletAddress", "0x[0-9a-fA-F]{40}", "the account's address, 0x and 40 digits"
            ),
            "api_secret": LoginPart(
                "privateKey", "0x[0-9a-fA-F]{64}", "a private key, 0x and 64 digits"
            ),
        },
        client_ids=HexClientIds(),
        client_id_param="clientOrderId",
        cancel_id_param="clientOrderId",
        trade_client_id_keys=("cloid",),
        stops=frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT}),
        wants_price=True,
        not_in_force=frozenset({"FOK"}),
        statuses={"scheduledCancel": "canceled"},
        reasons={"status": frozenset({"open", "triggered", "filled", "canceled"})},
        # a liquidation is marked on both sides of its trades: at the market by whose it was, and what the
        # exchange took over by the direction
        account_in="walletAddress",
        liquidated_at=("liquidation", "liquidatedUser"),
        forced_keys={
            "dir": {
                **dict.fromkeys(_LIQUIDATED, CloseCause.LIQUIDATION),
                "Auto-Deleveraging": CloseCause.ADL,
                "Settlement": CloseCause.SETTLEMENT,
            },
        },
        fills_of_all=BOTH,
        fills_until=BOTH,
        fee_currency=_fee_currency,
        trades_params_of=_last_trades,
        is_of_before=lambda message: _is_snapshot(message.get("data")),
    ),
    codes=ErrorCodes(
        patterns=(
            "(" + "|".join((*_REFUSALS, *_KEYS, _TOO_OFTEN, _CLOCK, *_GONE)) + ")",
            r'"statuses"\s*:\s*\[\s*\{\s*"error"\s*:\s*"([^"]{1,80})',
        ),
        refusing=".+",
        outcomes={
            **dict.fromkeys(_REFUSALS, R),
            **dict.fromkeys(_KEYS, A),
            _TOO_OFTEN: N,
            _CLOCK: N,
        },
        causes={
            **dict.fromkeys(_KEYS, "the wallet is not known there, or its key may not sign for it"),
            _CLOCK: causes.CLOCK,
            _TOO_OFTEN: "more requests than its trading has earned the account",
        },
        refusals=_REFUSALS,
        not_found=frozenset(_GONE),
    ),
    balances={
        "perpetual": BalanceRules(
            (),
            "coin",
            ("wallet",),
            ("worth",),
            ("free",),
            made=_margin,
            # of an account for everything
            unified=BalanceRules(("balances",), "coin", (), ("total",), ("total", "-hold")),
        )
    },
    income=(
        IncomeRules(
            **_HISTORY,
            asked={"type": "userFunding"},
            row=_funded,
            id_keys=("ms", "coin"),
            name="funding",
            amount_keys=("usdc",),
            symbol_key="coin",
            kinds={"funding": IncomeKind.FUNDING},
        ),
        IncomeRules(
            **_HISTORY,
            asked={"type": "userNonFundingLedgerUpdates"},
            row=_moved,
            id_keys=("ms", "hash", "type", "amount"),
            kind_keys=("type",),
            amount_keys=("amount",),
            symbol_key="",
            kinds=by_name({IncomeKind.TRANSFER: tuple(_IN_OR_OUT)}),
        ),
    ),
)  # fmt: skip


def _is_snapshot(data: Any) -> bool:
    return isinstance(data, Mapping) and data.get("isSnapshot") is True


__all__ = ["TABLE"]
