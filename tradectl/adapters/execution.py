"""Execution on the bus: approved orders go out through the gate, reports come back as inputs."""

from __future__ import annotations

from tradectl.adapters.adapter import Adapter, HasBooks
from tradectl.adapters.gateway import Gateway
from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.errors import ConfigError, CoreError
from tradectl.domain.events import (
    CancelRequested,
    Command,
    CommandReceived,
    Event,
    ExecutionEvent,
    HaltContinued,
    LimitBreached,
    MarketDataEvent,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderReport,
    OrderSubmitted,
    Record,
    RiskAction,
    TimerFired,
)
from tradectl.domain.orders import Order, OrderSpec
from tradectl.domain.states import TradingState
from tradectl.exchange.gate import ExchangeGate
from tradectl.execution.engine import ExecutionEngine
from tradectl.execution.planned_orders import RELEASES, PlannedOrders, cancels
from tradectl.execution.schedule import next_look
from tradectl.storage.latch import HaltSwitch
from tradectl.storage.lease import Lease

PLAN_TIMER = "plan "
"""And the order's id: it is looked at."""
STOPPING = (Command.EMERGENCY_STOP, Command.PAUSE)


class ExecutionAdapter(Adapter):
    """Binds an ExecutionEngine to the bus, and a gateway to both; by default on paper.

    Raises ConfigError without a gateway where the orchestrator's config does not let it trade on paper.
    """

    name = "execution"

    def __init__(
        self,
        bus: EventBus,
        state: HasBooks,
        gateway: Gateway | None = None,
        *,
        halt_switch: HaltSwitch | None = None,
        lease: Lease | None = None,
    ) -> None:
        super().__init__(bus)
        self.engine = ExecutionEngine()
        self._state = state
        if gateway is None and not bus.terms.paper_trading:
            raise ConfigError(
                "enable_paper_trading is false and ExecutionAdapter was given no exchange: "
                "pass it a gateway, or trade on paper"
            )
        self._gateway = gateway or PaperGateway(bus, state.books.instruments, view=state.books)
        self._gate = ExchangeGate(
            self._gateway, bus.schedule, halt_switch, lease, self._is_of_a_plan_that_is_over
        )
        self.plans = PlannedOrders(bus.core.new_id)
        self._gateway.guard(self._pre_send_check)

    def attach_all(self) -> None:
        attach = self.attach
        attach(OrderApproved, self._on_approved, Stage.EXECUTION)
        attach(CancelRequested, self._on_cancel, Stage.EXECUTION)
        attach(CommandReceived, self._on_command, Stage.EXECUTION)
        attach(LimitBreached, self._on_risk, Stage.EXECUTION)
        attach(HaltContinued, self._on_halt_continued, Stage.EXECUTION)
        attach(OrderFilled, self._on_fill, Stage.EXECUTION)
        self._gateway.bind()
        planned = self._planned()
        if planned:
            self._hear_of_plans()
            self._listen_to_volume(planned)
            self._unpriced = {order.spec.symbol for order in planned}
            self.attach(MarketDataEvent, self._on_first_price, Stage.EXECUTION)

    def open(self) -> None:
        """Let orders out, and have the gateway go on with those that the books hold to be working, and
        know the others."""
        if self._gateway.connected:
            self._bus.connect(self._gate.send, remote=self._gateway.remote)
            books = self._state.books
            held = {p.symbol: p.quantity for p in books.positions()}
            self._gateway.restore(books.known_orders(), held)
            for order in self._planned():
                self._look_again(order, self._bus.clock.now())

    async def start(self) -> None:
        self.bind()
        self.open()
        self._bus.components.started(self.name)

    def _pre_send_check(self, command: SubmitOrder) -> str:
        """What risk let pass may have waited since then: a halt or a restriction may have come since."""
        spec, books = command.order.spec, self._state.books
        denial = self._gate.pre_send_check(command)
        closes = spec.reduce_only and books.trading_state is TradingState.FLATTENING
        if denial or closes:
            return denial
        for kind in books.restrictions(spec.symbol):
            if kind.blocks_exits or not spec.reduce_only:
                return f"not sent: {spec.symbol} is restricted ({kind}) by now"
        return ""

    async def quiesce(self) -> None:
        """Called while the bus still runs: answers that are under way can arrive."""
        await self._gateway.quiesce()

    async def stop(self) -> None:
        self._bus.disconnect()
        await self._gateway.stop()
        await super().stop()

    def _on_approved(self, event: OrderApproved, record: Record) -> list[Event]:
        """Release it: the command waits in the outbox until the step is durable. One with a plan stays,
        and its children go."""
        if event.order.spec.plan is not None:
            return self._begin(event.order_id, record.at)
        self._bus.send(self.engine.submit(event.order, self._state.books))
        spec = event.order.spec
        return [
            OrderSubmitted(source_component=self.name, order_id=spec.order_id, symbol=spec.symbol)
        ]

    def _on_cancel(self, event: CancelRequested, record: Record) -> list[Event]:
        order = self._state.books.order(event.order_id)
        if order is not None and order.spec.plan is not None:
            return self.plans.look(order, self._state.books, record.at)
        self._bus.send(self.engine.cancel(event, self._state.books))
        return []

    def _on_command(self, command: CommandReceived, _record: Record) -> list[Event]:
        if command.command is Command.CANCEL_ALL:
            return [*self.engine.cancel_all(self._state.books, command.reason)]
        if command.command is Command.CANCEL:
            return self._cancel_by_hand(command)
        if command.command in STOPPING:
            return [*self.engine.cancel_what_may_not_stay(self._state.books, command.reason)]
        return []

    def _cancel_by_hand(self, command: CommandReceived) -> list[Event]:
        """One order; of a child the whole that it is a part of. A position keeps its stop and its
        take-profit."""
        books = self._state.books
        order = books.order(command.target)
        if order is not None and order.spec.parent_id:
            order = books.order(order.spec.parent_id)
        if order is None or not order.is_working:
            return []
        if order.spec.is_protective or order.spec.is_target:
            return []
        return cancels([order], command.reason or "cancelled by hand")

    def _on_risk(self, event: LimitBreached, _record: Record) -> list[Event]:
        if event.action == RiskAction.ALERT:
            return []
        return [*self.engine.cancel_what_may_not_stay(self._state.books, event.message)]

    def _on_halt_continued(self, event: HaltContinued, _record: Record) -> list[Event]:
        return [*self.engine.cancel_what_may_not_stay(self._state.books, event.reason)]

    def _on_fill(self, fill: OrderFilled, _record: Record) -> None:
        self.engine.on_fill(fill)

    # --- orders with a plan -----------------------------------------------------------------------------

    def _planned(self) -> list[Order]:
        """Those that work."""
        working = self._state.books.working_orders()
        return [order for order in working if order.spec.plan is not None]

    def _begin(self, order_id: str, at: int) -> list[Event]:
        order = self._state.books.order(order_id)
        if order is None:
            raise CoreError(f"order {order_id} is not in the books")
        self._hear_of_plans()
        events = self.plans.begins(order, self._state.books, at)
        self._listen_to_volume([order])
        self._schedule(order, at)
        return events

    def _hear_of_plans(self) -> None:
        """From the first one on: who has none is not made slower by it."""
        if not self._bus.core.has(TimerFired, self._on_timer):
            self.attach(TimerFired, self._on_timer, Stage.EXECUTION)
            self.attach(ExecutionEvent, self._on_report, Stage.EXECUTION)
            self.attach(OrderDenied, self._on_report, Stage.EXECUTION)

    def _listen_to_volume(self, orders: list[Order]) -> None:
        """As long as there is an order that follows it."""
        for order in orders:
            self.plans.listen(order, self._state.books)
        if self.plans.listens() and not self._bus.core.has(MarketDataEvent, self._on_market):
            self.attach(MarketDataEvent, self._on_market, Stage.EXECUTION)

    def _on_first_price(self, event: MarketDataEvent, record: Record) -> list[Event]:
        """What an earlier run began goes on."""
        if event.symbol not in self._unpriced:
            return []
        self._unpriced.remove(event.symbol)
        if not self._unpriced:
            self._bus.detach(self._on_first_price)
        books = self._state.books
        planned = [order for order in self._planned() if order.spec.symbol == event.symbol]
        return [each for order in planned for each in self.plans.look(order, books, record.at)]

    def _on_market(self, event: MarketDataEvent, _record: Record) -> None:
        if event.volume and self.plans.listens(event.symbol):
            self.plans.on_volume(event.symbol, event.volume, self._state.books)

    def _on_timer(self, timer: TimerFired, record: Record) -> list[Event]:
        if not timer.name.startswith(PLAN_TIMER):
            return []
        order = self._state.books.order(timer.name.removeprefix(PLAN_TIMER))
        if order is None or not order.is_working:
            return []
        self._schedule(order, record.at)
        return self.plans.look(order, self._state.books, record.at)

    def _on_report(self, report: OrderReport, record: Record) -> list[Event]:
        """What became of a child, or of an order with a plan."""
        order = self._state.books.order(report.order_id)
        if order is None:
            return []
        if order.spec.plan is not None:
            self._leave(order)
            return []
        if not order.spec.parent_id:
            return []
        parent = self._state.books.order(order.spec.parent_id)
        events = self.plans.on_child(report, self._state.books, record.at)
        if parent is not None:
            self._leave(parent)
        return events

    def _leave(self, order: Order) -> None:
        """It is over: nothing is heard for it any more."""
        if order.is_over and self.plans.listens(order.spec.symbol):
            self.plans.forget(order)
            if not self.plans.listens():
                self._bus.detach(self._on_market)

    def _schedule(self, order: Order, at: int) -> None:
        plan = order.spec.plan
        if plan is not None:
            self._look_again(order, next_look(plan, order.created_at, at))

    def _look_again(self, order: Order, due: int) -> None:
        name = PLAN_TIMER + order.spec.order_id
        self._bus.schedule(TimerFired(source_component=self.name, name=name), due)

    def _is_of_a_plan_that_is_over(self, spec: OrderSpec) -> str:
        """The last word on a child: what ended its order may have come since risk let it pass."""
        if not spec.parent_id:
            return ""
        parent = self._state.books.order(spec.parent_id)
        if parent is not None and parent.status in RELEASES:
            return ""
        return f"not sent: its order {spec.parent_id} is over, or to be"
