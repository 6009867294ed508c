"""What the engines tell, told on: to the ground truth, to account streams and to market streams.

A symbol that is fed from a recording is silent here: its subscribers get the recording alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradectl.testkit import messages
from tradectl.testkit.accounts import Account
from tradectl.testkit.depth_book import DepthBook
from tradectl.testkit.engine import Changes, Engine
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.sockets import Hub
from tradectl.testkit.symbols import FUTURES, Rules
from tradectl.testkit.trades import Candle, Trade, candles, interval_ms
from tradectl.testkit.truth import Truth

Top = tuple[Decimal, Decimal]
REASONS = {"TRANSFER": "DEPOSIT", "REFERRAL_KICKBACK": "ADJUSTMENT", "API_REBATE": "ADJUSTMENT"}
PAID = {**REASONS, "TRANSFER": "WITHDRAW"}
"""What the account's stream calls a kind of income, got and paid, where it is called differently."""
DEPTHS = ("depth", "depth@100ms", "depth@0ms", "depth@250ms", "depth@500ms", "depth@1000ms")


class Broadcast:
    """A `Listener` of both engines."""

    def __init__(
        self,
        hub: Hub,
        truth: Truth,
        accounts: Mapping[str, Account],
        now_ms: Callable[[], int],
        ledger_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._truth = truth
        self._accounts = accounts
        self._now_ms = now_ms
        self._ledger_ms = ledger_ms
        self.engines: dict[str, Engine] = {}
        self.recorded: set[str] = set()
        """spot symbols that a recording speaks for"""
        self._tops: dict[tuple[str, str], tuple[Top, Top]] = {}

    # --- accounts -----------------------------------------------------------------------------

    def on_accepted(self, order: Order) -> None:
        self._truth.order_accepted(order)

    def on_report(self, order: Order, execution: str, fill: Fill | None) -> None:
        rules, now = self.engines[order.market].rules[order.symbol], self._now_ms()
        account = self._accounts[order.account]
        if fill is not None:
            self._truth.filled(order, fill)
        if not order.open:
            self._truth.order_ended(order)
        told = []
        if not rules.futures:
            told.append(messages.execution_report(order, execution, fill, rules, now))
            assets = account.spot.touched(rules)
            told.append(messages.account_position(account, assets, now))
        elif order.algo:
            told.append(messages.algo_update(order, rules, now))
        else:
            if fill is not None:
                told.append(messages.account_update(account, "ORDER", (order.symbol,), now))
            told.append(messages.order_trade_update(order, execution, fill, rules, now))
        for message in told:
            self._hub.publish_user(order.market, order.account, message)

    def transfer(self, account: Account, asset: str, amount: Decimal, market: str) -> None:
        """Money comes from outside, or goes there."""
        now = self._now_ms()
        self._truth.note(
            "transfer", account=account.name, asset=asset, amount=amount, market=market
        )
        if market == FUTURES:
            self.income(account, "TRANSFER", amount, asset=asset)
            return
        account.spot.free[asset] += amount
        told = [messages.balance_update(asset, amount, now)]
        told.append(messages.account_position(account, (asset,), now))
        for message in told:
            self._hub.publish_user(market, account.name, message)

    def income(
        self,
        account: Account,
        kind: str,
        amount: Decimal,
        *,
        symbol: str = "",
        asset: str = "USDT",
        at_ms: int | None = None,
        late: float = 0.0,
        shown: int = 1,
        told: bool = True,
    ) -> None:
        """The exchange moves money on a futures account by itself. Other assets than USDT are in no
        wallet here."""
        now = self._ledger_ms()
        at = now if at_ms is None else at_ms
        self._truth.note("income", account=account.name, what=kind, amount=amount, symbol=symbol)
        if asset == "USDT":
            account.futures.wallet += amount
        account.futures.income.add(
            kind, amount, at, asset=asset, symbol=symbol, late=late, shown=shown
        )
        if told:
            reason = REASONS.get(kind, kind) if amount >= 0 else PAID.get(kind, kind)
            message = messages.account_update(account, reason, (), now, amount)
            self._hub.publish_user(FUTURES, account.name, message)

    # --- markets ------------------------------------------------------------------------------

    def on_trade(self, rules: Rules, trade: Trade) -> None:
        if self._silent(rules):
            return
        name, now, market = rules.symbol.lower(), self._now_ms(), rules.market
        if self._hub.wanted(market, [f"{name}@trade"]):
            self._hub.publish(market, f"{name}@trade", messages.trade(trade, rules, now))
        if self._hub.wanted(market, [f"{name}@aggTrade"]):
            shown = messages.agg_trade(trade, rules, now)
            self._hub.publish(market, f"{name}@aggTrade", shown)
        for stream in self._hub.streams(market, f"{name}@kline_"):
            interval = stream.partition("_")[2]
            candle = self._candle(rules, interval, trade)
            self._hub.publish(market, stream, messages.kline(rules, interval, candle, now))

    def _candle(self, rules: Rules, interval: str, trade: Trade) -> Candle:
        length = interval_ms(interval)
        start = trade.ms // length * length
        since = self.engines[rules.market].trades[rules.symbol].since_ms(start)
        return candles(since, length)[-1]

    def on_book(self, rules: Rules, changes: Changes, first_id: int) -> None:
        if self._silent(rules):
            return
        name, now = rules.symbol.lower(), self._now_ms()
        for stream in (f"{name}@{depth}" for depth in DEPTHS):
            if self._hub.wanted(rules.market, [stream]):
                shown = messages.depth(rules, changes, first_id, now)
                self._hub.publish(rules.market, stream, shown)
        self._tell_top(rules, self.engines[rules.market].books[rules.symbol], now)

    def _tell_top(self, rules: Rules, book: DepthBook, now: int) -> None:
        bid, ask = book.top("BUY"), book.top("SELL")
        if bid is None or ask is None or self._tops.get((rules.market, rules.symbol)) == (bid, ask):
            return
        self._tops[rules.market, rules.symbol] = (bid, ask)
        message = messages.book_ticker(rules, book.update_id, bid, ask, now)
        for stream in (f"{rules.symbol.lower()}@bookTicker", "!bookTicker"):
            if self._hub.wanted(rules.market, [stream]):
                self._hub.publish(rules.market, stream, message)

    def _silent(self, rules: Rules) -> bool:
        return not rules.futures and rules.symbol in self.recorded
