"""Who watches a live run from the exchange's side, and compares what it sees with what was promised.

at every order that the exchange is sent     its intent is durable; no halt is latched; the symbol
                                             is not held
at every order that it accepts               the first one of its intent, and within the limit
after quiet                                  orders, fills, positions and money are those of the books
after the end                                every journal replays, every recovery is the same
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.schedules.countdown_checker import CountdownChecker
from tests.schedules.durable_intents import DurableIntents
from tests.schedules.fill_checker import FillChecker
from tests.schedules.journal_checker import JournalChecker
from tests.schedules.own_positions import OwnPositions
from tests.schedules.plans import LIMIT
from tests.schedules.protection_checker import ProtectionChecker
from tests.schedules.softened_halts import SoftenedHalts
from tests.simulated_os.system import SimulatedOS
from tests.venues import speaks_for
from tradectl.domain.events import (
    EventType,
    RestrictionKind,
    SymbolRestricted,
)
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order as KnownOrder
from tradectl.domain.orders import OrderStatus
from tradectl.domain.positions import nearer_zero
from tradectl.domain.states import TradingState
from tradectl.domain.time import MILLISECOND
from tradectl.runtime.run import TradingRun
from tradectl.state.booking import EXTERNAL
from tradectl.state.books import Books
from tradectl.state.consistency import problems_of
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.income import IncomeHistory
from tradectl.testkit.orders import Order
from tradectl.testkit.trading import hidden

FRESH_LATCH_S = 0.06
"""The latch is read again within a millisecond, and looked up by name within 50."""
OVER = {
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
WORKING = {
    "NEW": (OrderStatus.ACCEPTED,),
    "PARTIALLY_FILLED": (OrderStatus.PARTIALLY_FILLED,),
}
LINES = {
    "funding": ("FUNDING_FEE",),
    "insurance": ("INSURANCE_CLEAR",),
    "interest": ("POSITION_LIMIT_INCREASE_FEE",),
    "rebates": ("COMMISSION_REBATE", "REFERRAL_KICKBACK"),
}
ROUNDED = Decimal("0.0000001")
STOPS_ARE_BACK_S = 8.0
"""In hedge mode, where the exchange had cancelled them."""


class InvariantChecker:
    """`wrong` is what was seen that must not be; `run` is the one that trades now, if any."""

    def __init__(
        self, system: SimulatedOS, exchange: LoopbackExchange, market: str, path: Path
    ) -> None:
        self.system = system
        self.exchange = exchange
        self.market = market
        self.path = path
        self.wrong: list[str] = []
        self.run: TradingRun | None = None
        self.run_since = self.hedge_mode_since = 0.0
        self._latched: tuple[float, TradingState] | None = None
        """since when, and whether closing orders may pass"""
        self.lowest: dict[str, Decimal] = {}
        """the price that no symbol ever falls to"""
        self.bounded = True
        """whether the limit holds at all"""
        self.counts: dict[str, int] = defaultdict(int)
        self.durable = DurableIntents(system, path / "journals")
        self.journals = JournalChecker(path, self.say)
        self.own = OwnPositions(exchange, market, path, self._books)
        self.softened = SoftenedHalts(self.own, self.say)
        self.protection = ProtectionChecker(exchange, market, self.say, self.own.held, self._books)
        self.countdown = CountdownChecker(exchange, self.say, lambda: system.clock.now)
        truth: Any = exchange.truth
        note, accept = truth.note, truth.order_accepted

        def noted(kind: str, **detail: Any) -> None:
            note(kind, **detail)
            self.counts["armed"] += kind == "dead-man-armed" and detail["ms"] > 0
            if kind == "request" and detail["method"] == "POST" and "rder" in detail["path"]:
                self._sent(detail["params"])

        def accepted(order: Order) -> None:
            accept(order)
            self._accepted(order)

        truth.note, truth.order_accepted = noted, accepted

    def _books(self) -> Books | None:
        return self.run.books if self.run is not None else None

    def say(self, what: str) -> None:
        self.wrong.append(f"{self.system.clock.now:.3f}: {what}")

    def latched_now(self, state: TradingState | None) -> None:
        """The latch was set or cleared."""
        now = self.system.clock.now
        self.counts["latched"] += state is not None
        if state is None:
            self._latched = None
        elif self._latched is None or state is not self._latched[1]:
            self._latched = (now, state)

    # --- while it runs --------------------------------------------------------------------------

    def _sent(self, params: Mapping[str, str]) -> None:
        self.counts["sent"] += 1
        client_id = params.get("newClientOrderId") or params.get("clientAlgoId", "")
        symbol = params["symbol"]
        if client_id not in self.durable.intents:
            self.durable.look()
        if client_id not in self.durable.intents:
            self.say(f"{client_id} was sent and its intent is not durable")
        self.protection.sent(symbol, params["side"], Decimal(params["quantity"]))
        by_side = params.get("positionSide"), params["side"]
        closes = (
            params.get("reduceOnly") == "true"
            or by_side in (("LONG", "SELL"), ("SHORT", "BUY"))
            or (self.market == "spot" and params["side"] == "SELL")
        )
        if self._latched is not None:
            since, state = self._latched
            late = self.system.clock.now - since > FRESH_LATCH_S
            protects = closes and params.get("type", "").startswith("STOP")
            if late and not protects and (state is TradingState.HALTED or not closes):
                self.say(f"{client_id} was sent while {state} was latched")
        if self.run is not None and self._held_before(self.run, symbol):
            self.say(
                f"{client_id} was sent while {symbol} was held: {self.run.books.restrictions(symbol)}"
            )

    def _held_before(self, run: TradingRun, symbol: str) -> bool:
        """Held before this very moment: what left at the same one may have been the first."""
        holds = [kind for kind in run.books.restrictions(symbol) if kind.blocks_exits]
        if not holds or run.books.trading_state is TradingState.FLATTENING:
            return False
        now = run.bus.clock.now()
        begun = [
            record.at
            for record in run.bus.history(EventType.RISK)
            if isinstance(record.event, SymbolRestricted) and record.event.kind in holds
            if record.event.symbol == symbol and record.event.restricted
        ]
        return not begun or max(begun) < now

    def _accepted(self, order: Order) -> None:
        if order.foreign or order.child:
            return
        self.counts["accepted"] += 1
        self._sells_only_ours(order)
        if self.exchange.truth.accepted(order.client_id) > 1:
            self.say(f"{order.client_id} was accepted twice")
        self._weigh(order)

    def _sells_only_ours(self, new: Order) -> None:
        """Nobody else's coins are offered, whatever lies beside ours. What the exchange does not know of
        for longer than it is to be waited for counts as over."""
        if self.market != "spot" or new.side != "SELL":
            return
        offered = sum(
            (
                o.remaining
                for o in self.exchange.truth.open_orders(market="spot")
                if o.symbol == new.symbol and o.side == "SELL" and not o.foreign
                if self.bounded or not hidden(o)
            ),
            ZERO,
        )
        if offered > self._held(new.symbol):
            self.say(f"{new.client_id}: {offered} are offered, {self._held(new.symbol)} are ours")

    def _weigh(self, new: Order) -> None:
        """What the position becomes if all that is open on a side fills."""
        if new.reduce_only or not self.bounded:
            return
        truth, symbol = self.exchange.truth, new.symbol
        held = self._held(symbol)
        open_now = [
            o.remaining
            for o in truth.open_orders(market=self.market)
            if o.symbol == symbol and o.side == new.side and not (o.foreign or o.reduce_only)
        ]
        reach = (held if new.side == "BUY" else -held) + sum(open_now)
        reach -= self._closed_meanwhile(new)
        if reach * self.lowest[symbol] > LIMIT:
            order_id = self.durable.intents.get(new.client_id, "")
            reach -= self.own.closed_untold(symbol, new.side, order_id)
        if reach * self.lowest[symbol] > LIMIT:
            self.say(f"{new.client_id} may bring {symbol} to {reach}: above the limit")

    def _closed_meanwhile(self, new: Order) -> Decimal:
        """An exit is never refused, though what was approved before it goes further by it."""
        self.durable.look()
        approved = list(self.durable.intents)
        later = set(approved[approved.index(new.client_id) :] if new.client_id in approved else ())
        return sum(
            (
                order.filled
                for order in self.exchange.truth.ours(market=self.market)
                if order.reduce_only and order.client_id in later
                if (order.symbol, order.side) == (new.symbol, new.side)
            ),
            ZERO,
        )

    def _held(self, symbol: str) -> Decimal:
        return self.own.held(symbol)

    def _taken_over(self, symbol: str, books: Books) -> bool:
        return EXTERNAL in books.account.holdings.get(symbol, {})

    # --- after quiet ----------------------------------------------------------------------------

    def compare(self, books: Books) -> None:
        self.durable.look()
        ours = {o.client_id: o for o in self.exchange.truth.ours(market=self.market)}
        for client_id, order in ours.items():
            self._compare_order(order, self.durable.intents.get(client_id), books)
        for client_id, order_id in self.durable.intents.items():
            if client_id not in ours:
                self._compare_unsent(order_id, books)
        FillChecker(self.exchange, self.market, self.own, self.say).compare(
            books.account.account_id
        )
        if self.market == "futures" and not self.own.others_traded():
            self._compare_money(books)
        for symbol in self.lowest:
            self._compare_position(symbol, books)

    def _compare_order(self, order: Order, order_id: str | None, books: Books) -> None:
        known = books.order(order_id) if order_id is not None else None
        if known is None:
            self.say(f"{order.client_id} is {order.status} there, and not in the books")
            return
        expected: tuple[OrderStatus | None, ...]
        expected = WORKING.get(order.status) or (OVER.get(order.status),)
        if order.status == "FILLED" and order.quantity < known.spec.quantity:
            expected = (OrderStatus.CANCELED,)  # made smaller there
        if order.status.startswith("EXPIRED") and self.exchange.dialect is not None:
            expected = (OrderStatus.EXPIRED, OrderStatus.CANCELED)  # others have one word for both
        denied = "knows no such order" in known.reason and not order.open
        if known.status not in expected and not denied and not order.algo:
            self.say(f"{order.client_id} is {order.status} there, {known.status} in the books")
        if known.filled != order.filled and not order.algo:
            self.say(f"{order.client_id}: {order.filled} filled there, {known.filled} in the books")

    def _compare_unsent(self, order_id: str, books: Books) -> None:
        known = books.order(order_id)
        if known is not None and known.spec.plan is not None:
            self._compare_worked(known, books)
        elif known is not None and (known.is_working or known.filled):
            self.say(f"{order_id} is {known.status} in the books, and was never accepted there")

    def _compare_worked(self, parent: KnownOrder, books: Books) -> None:
        """What its children filled there is what it has, and no more than it was to have; one that is
        over leaves none behind."""
        names = self.durable.children.get(parent.spec.order_id, ())
        filled, ours = ZERO, self.exchange.truth.ours(market=self.market)
        for order in (order for order in ours if order.client_id in names):
            filled += order.filled
            if parent.is_over and order.open:
                self.say(
                    f"{parent.spec.order_id} is {parent.status}, and its {order.client_id} open"
                )
        if filled != parent.filled:
            known = f"{parent.filled} in the books"
            self.say(f"{parent.spec.order_id}: its children filled {filled} there, {known}")
        if filled > parent.spec.quantity:
            self.say(f"{parent.spec.order_id} of {parent.spec.quantity} was filled {filled}")

    def _compare_money(self, books: Books) -> None:
        """Line by line: every row is booked once, as what it is. What positions cost is left out: fills
        that are told in another order make another profit of what they closed. It is rounded earlier
        there."""
        account, ledger = books.account, self.exchange.accounts["main"].futures
        known = account.at_exchange()
        there = ledger.wallet - sum((p.cost for p in ledger.positions.values()), ZERO)
        ours = known.expected_at(speaks_for(self.exchange), books.cash)
        ours -= sum((p.cost for p in account.positions.values()), ZERO)
        if abs(there - ours) > ROUNDED:
            self.say(f"there is {there} beside what positions cost, and {ours} by the books")
        since = known.income.since.get(speaks_for(self.exchange), 0) // MILLISECOND
        income = IncomeHistory([row for row in ledger.income.rows if row.ms >= since])
        # others have fewer kinds: what there is none of is told as another, and the sum counts
        named = not self.own.operator_accepted and self.exchange.dialect is None
        for line, kinds in LINES.items():
            if named and getattr(account, line) != income.total(*kinds):
                self.say(f"{line}: {income.total(*kinds)} there, {getattr(account, line)} booked")
            parts = sum((getattr(t, line) for t in account.strategies.values()), ZERO)
            if parts != getattr(account, line):
                self.say(f"{line}: the strategies bear {parts} of {getattr(account, line)}")
        moved = income.total("TRANSFER")
        if named and account.at_exchange().transferred != moved:
            self.say(f"{moved} was transferred, {account.at_exchange().transferred} in the books")
        for problem in problems_of(account, books.instruments):
            self.say(problem)

    def _compare_position(self, symbol: str, books: Books) -> None:
        if difference := self._difference(symbol, books):
            ours = books.position(symbol).quantity
            self.say(f"{symbol}: {ours} in the books, {difference} more there")

    def _difference(self, symbol: str, books: Books) -> Decimal:
        """What the exchange holds beyond the books, and beyond what was there before."""
        if self.market == "spot":
            there = self.exchange.balance(symbol.removesuffix("USDT"))
        else:
            there = self.exchange.position(symbol)
        before = books.account.at_exchange().external.get(symbol, ZERO)
        return there - before - books.position(symbol).quantity

    def protected_in_hedge_mode(self) -> None:
        """Whoever has traded here, in hedge mode, for so long has placed the stops that are missing: of
        what the exchange has told to be there, whatever the books have."""
        run, now = self.run, self.system.clock.now
        if run is None or now - max(self.hedge_mode_since, self.run_since) < STOPS_ARE_BACK_S:
            return
        if run.books.trading_state in (TradingState.RUNNING, TradingState.PAUSED):
            for symbol in self.lowest:
                held = nearer_zero(run.books.there(symbol), self._held(symbol))
                if run.books.is_dust(symbol, held, run.books.mark(symbol)):
                    continue
                if not self.protection.open_against(symbol, held):
                    self.say(f"{held} {symbol} has no stop in hedge mode")

    def what_others_did_is_held(self, books: Books) -> None:
        """Nobody trades it away or takes it for ours: the symbol waits for the operator."""
        for symbol in self.lowest:
            if not self.own.operator_accepted and self._taken_over(symbol, books):
                self.say(f"{symbol}: what came from outside was taken for ours by itself")
            difference = self._difference(symbol, books)
            if difference and RestrictionKind.MISMATCH not in books.restrictions(symbol):
                self.say(f"{symbol}: {difference} came from outside, and it is not held")

    def receipt(self, told: Mapping[str, Any], *, flatten: bool) -> None:
        """An emergency stop's word, the moment it is given."""
        self.counts["confirmed" if told["confirmed"] else "unconfirmed"] += 1
        self.protection.has_stops(told)
        self.durable.look()
        self.protection.rests(told, self.durable.intents)
        if not told["confirmed"]:
            return
        kept = {stop["order_id"] for stop in told["protection"]}
        self.protection.receipt(told, list(self.lowest))
        open_orders = [
            o.client_id
            for o in self.exchange.truth.open_orders(market=self.market)
            if not o.foreign and not o.child
            if self.durable.intents.get(o.client_id) not in kept
        ]
        if open_orders:
            self.say(f"the stop was confirmed, and {open_orders} are open")
        for symbol in self.lowest if flatten else ():
            held = self._held(symbol)
            if abs(held) * self.lowest[symbol] > Decimal(110):
                self.say(f"the stop was confirmed, and {held} {symbol} is held")


__all__ = ["InvariantChecker"]
