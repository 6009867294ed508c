"""What a live exchange is made of, and who knows whom.

    SymbolRoom      by what its symbols are traded: steps, what fees cost, the mode of positions
    SessionRoom     whether the exchange answers, the keys work, the stream speaks, this process ran on
    OrderRoom       each order from its send to its end; the switch that ends them without us
    CompareRoom     what is there, beside what the books expect; who else moved it

They stand on the same ground (`Surroundings`), and each knows those before it. What is to be done when
one of them finds something out is said from outside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tradectl.domain.orders import OrderSpec
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.resilience import StallDetector
from tradectl.exchange.live.access import AccessMonitor
from tradectl.exchange.live.account_books import AccountBooks
from tradectl.exchange.live.comparisons import Comparisons
from tradectl.exchange.live.dead_man import DeadManSwitch
from tradectl.exchange.live.exchange_breaker import ExchangeBreaker
from tradectl.exchange.live.fee_rates import FeeRates
from tradectl.exchange.live.moved_by_exchange import MovedByExchange
from tradectl.exchange.live.order_submitter import OrderSubmitter, SendCheck
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.orders_at_venue import OrdersAtVenue
from tradectl.exchange.live.other_bots import OtherBots
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.position_mode import PositionModeMonitor
from tradectl.exchange.live.reconciler import Reconciler
from tradectl.exchange.live.stream_silence import StreamSilence
from tradectl.exchange.live.surroundings import Surroundings
from tradectl.exchange.live.symbol_rules import SymbolRules
from tradectl.exchange.live.unplaced_fills import UnplacedFills


class SymbolRoom:
    def __init__(self, at: Surroundings) -> None:
        self.fees = FeeRates(at.venue, at.instruments, at.reporter, at.monotonic)
        self.steps = SymbolRules(
            at.venue, at.symbols, at.instruments, at.reporter, at.post, at.name,
            every=at.settings.rules_seconds, monotonic=at.monotonic, sleep=at.sleep,
        )  # fmt: skip
        self.modes = PositionModeMonitor(
            at.venue, at.symbols, at.post, at.name,
            every=at.settings.reconcile_seconds, monotonic=at.monotonic,
        )  # fmt: skip


class SessionRoom:
    """`works_again` is called when the keys do after a doubt, or the exchange after a silence."""

    def __init__(self, at: Surroundings, works_again: Callable[[], None]) -> None:
        venue = at.venue
        self.breaker = ExchangeBreaker(at, works_again)
        self.stall = StallDetector(at.settings.stall_seconds, at.monotonic)
        self.access = AccessMonitor(
            venue, at.reporter, at.settings,
            works_again=works_again, start=at.tasks.start_beside,
            monotonic=at.monotonic, sleep=at.sleep,
        )  # fmt: skip
        self.silence = StreamSilence(
            at.settings.silent_stream_seconds,
            tells_orders=lambda: venue.abilities.order_stream,
            monotonic=at.monotonic, sleep=at.sleep,
        )  # fmt: skip

    def compared(self) -> None:
        """The account was asked, and has answered."""
        self.access.answered()
        self.silence.compared()


class OrderRoom:
    """`pre_send_check` has the last word on a send, `refused` hears what the venue would not take;
    `books` say which stop is the last."""

    def __init__(
        self,
        at: Surroundings,
        account_id: str,
        symbols: SymbolRoom,
        sessions: SessionRoom,
        books: AccountBooks | None,
        *,
        in_books: Callable[[str], bool],
        pre_send_check: SendCheck,
        refused: Callable[[RefusalCause, str], Awaitable[None]],
    ) -> None:
        self._at = at
        self.tracker = OrderTracker(
            at.name, account_id, at.instruments, in_books, symbols.fees.quote_value
        )
        self.at_venue = OrdersAtVenue(
            at.venue, at.symbols, self.tracker, is_spot=at.settings.market == "spot"
        )
        self.dead_man = DeadManSwitch(
            at.venue, at.symbols, self.tracker, at.reporter, at.settings.dead_man_seconds,
            look=self.look, monotonic=at.monotonic,
        )  # fmt: skip
        self.tracker.may_switch_cancel = self.dead_man.may_have_cancelled

        def is_needed(stop: OrderSpec) -> bool:
            return books is not None and books.is_last_stop(stop)

        self.submitter = OrderSubmitter(
            at.venue, self.tracker, symbols.fees, at.reporter, at.settings,
            pre_send_check=pre_send_check, make_safe=self.dead_man.make_safe,
            answered=sessions.silence.answered, refused=refused, is_needed=is_needed,
            monotonic=at.monotonic, sleep=at.sleep,
        )  # fmt: skip

    async def look(self) -> None:
        """Ask which orders are open, of anybody."""
        known = tuple(self.tracker.foreign)
        orders = await self._at.venue.open_orders(self._at.symbols)
        self._at.reporter.report(self.tracker.apply_open_orders(orders, known))


class CompareRoom:
    """`in_question` says whether what was last reported of the symbols still is; `compared` is called
    after each comparison."""

    def __init__(
        self,
        at: Surroundings,
        symbols: SymbolRoom,
        sessions: SessionRoom,
        orders: OrderRoom,
        books: AccountBooks | None,
        *,
        in_question: Callable[[Sequence[str]], bool],
        compared: Callable[[], None],
    ) -> None:
        tracker = orders.tracker
        self.side = side = OurSide(at.venue, at.instruments, books)
        self.unplaced = UnplacedFills(at, books, side, tracker.fee_of, tracker.is_tagged)
        self.moved = moved = MovedByExchange(at, books, side, self.unplaced)
        post = sessions.silence.noticing(at.post)
        self.reconciler = Reconciler(at, tracker, post, side, self.unplaced, moved)
        self.others = OtherBots(at.venue, at.reporter, tracker.is_tagged)
        self.comparisons = Comparisons(
            at.venue, at.settings, self.reconciler, tracker, orders.submitter, at.reporter,
            at.tasks, symbols.fees.fetch,
            in_question=lambda: in_question(at.symbols) or moved.is_waiting,
            before=symbols.modes.look, compared=compared,
        )  # fmt: skip


__all__ = ["CompareRoom", "OrderRoom", "SessionRoom", "SymbolRoom"]
