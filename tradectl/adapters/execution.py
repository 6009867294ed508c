"""Execution on the bus: approved orders go out through the gate, reports come back as inputs."""

from __future__ import annotations

from tradectl.adapters.adapter import Adapter, HasBooks
from tradectl.adapters.gateway import Gateway
from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import (
    CancelRequested,
    Command,
    CommandReceived,
    Event,
    HaltContinued,
    LimitBreached,
    OrderApproved,
    OrderFilled,
    OrderSubmitted,
    Record,
    RiskAction,
)
from tradectl.domain.states import TradingState
from tradectl.exchange.gate import ExchangeGate
from tradectl.execution.engine import ExecutionEngine
from tradectl.storage.latch import HaltSwitch
from tradectl.storage.lease import Lease

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
        self._gate = ExchangeGate(self._gateway, bus.schedule, halt_switch, lease)
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

    def open(self) -> None:
        """Let orders out, and have the gateway go on with those that the books hold to be working, and
        know the others."""
        if self._gateway.connected:
            self._bus.connect(self._gate.send, remote=self._gateway.remote)
            books = self._state.books
            held = {p.symbol: p.quantity for p in books.positions()}
            self._gateway.restore(books.known_orders(), held)

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

    def _on_approved(self, event: OrderApproved, _record: Record) -> list[Event]:
        """Release it: the command waits in the outbox until the step is durable."""
        self._bus.send(self.engine.submit(event.order, self._state.books))
        spec = event.order.spec
        return [
            OrderSubmitted(source_component=self.name, order_id=spec.order_id, symbol=spec.symbol)
        ]

    def _on_cancel(self, event: CancelRequested, _record: Record) -> None:
        self._bus.send(self.engine.cancel(event, self._state.books))

    def _on_command(self, command: CommandReceived, _record: Record) -> list[Event]:
        if command.command is Command.CANCEL_ALL:
            return [*self.engine.cancel_all(self._state.books, command.reason)]
        if command.command in STOPPING:
            return [*self.engine.cancel_what_may_not_stay(self._state.books, command.reason)]
        return []

    def _on_risk(self, event: LimitBreached, _record: Record) -> list[Event]:
        if event.action == RiskAction.ALERT:
            return []
        return [*self.engine.cancel_what_may_not_stay(self._state.books, event.message)]

    def _on_halt_continued(self, event: HaltContinued, _record: Record) -> list[Event]:
        return [*self.engine.cancel_what_may_not_stay(self._state.books, event.reason)]

    def _on_fill(self, fill: OrderFilled, _record: Record) -> None:
        self.engine.on_fill(fill)
