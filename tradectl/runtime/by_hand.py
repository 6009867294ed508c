"""An order, a cancel, a close by hand, as the run that trades does them: by the same gate as all else.

Each is a command, written down before it is answered. A halt refuses them, and says what ends it. What
the answers are made of is loaded for who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.domain.errors import ConfigError, UsageError, WrongOption
from tradectl.domain.events import Command, CommandReceived, OrderCommandReceived
from tradectl.domain.money import Side, decimal_text, is_sane, plain
from tradectl.domain.orders import BY_HAND, Order, OrderStatus, client_order_id
from tradectl.domain.plans import Algorithm, ExecutionPlan
from tradectl.domain.text import harmless, suggest
from tradectl.domain.time import SECOND
from tradectl.execution.execution_settings import HowOrdersAreWorked
from tradectl.portfolio.by_hand import spec_of
from tradectl.runtime.session import Session
from tradectl.state.status import order_row

if TYPE_CHECKING:
    from tradectl.documents.by_hand import HandCancel, HandClose, HandOrder, HandPlan
    from tradectl.documents.why import CheckRow

OPTIONS = {
    "execution.horizon_seconds": "--horizon",
    "execution.interval_seconds": "--interval",
    "horizon_seconds": "--horizon",
    "execution.volume_profile": "--algorithm: execution.volume_profile is not set",
}
"""The settings that an error names, as the command calls them."""
ON_ITS_WAY = (OrderStatus.APPROVED, OrderStatus.SUBMITTED)
ANSWERED_WITHIN_S, LOOK_EVERY_S = 1.0, 0.02


class ByHand:
    """Of one run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._books = session.books

    async def order(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        algorithm: Algorithm | None = None,
        horizon: Decimal | None = None,
        interval: Decimal | None = None,
        reason: str = BY_HAND,
        confirm: bool = False,
    ) -> HandOrder:
        self._known(symbol)
        for name, value in (("quantity", quantity), ("limit", price)):
            if value is not None and (not is_sane(value) or value <= 0):
                raise UsageError(f"{name}: expected a number above 0, got {harmless(value, 60)}")
        plan = None
        if algorithm is not None:
            plan = self._plan(symbol, quantity, algorithm, horizon, interval)
        command = OrderCommandReceived(
            source_component="operator", symbol=symbol, side=side, quantity=quantity, price=price,
            plan=plan, reason=harmless(reason),
        )  # fmt: skip
        if not confirm:
            return self._preview(command)
        known = {order.spec.order_id for order in self._made()}
        await self._session.orchestrator.order_by_hand(command)
        made = next((o for o in self._made() if o.spec.order_id not in known), None)
        await self._answered(made)
        denial = None
        if made is not None and made.status is OrderStatus.DENIED:
            from tradectl.documents.why import CheckRow

            code, _, message = made.reason.partition(": ")
            denial = CheckRow(code=code, passed=False, limit=None, actual=None, message=message)
        return self._answer(command, denial=denial, confirmed=True, made=made)

    async def close(self, symbol: str, reason: str = "closed by hand") -> HandClose:
        from tradectl.documents.by_hand import HandClose

        self._known(symbol)
        books = self._books
        held = books.position(symbol).quantity
        self._refuse_in_a_halt()
        if not books.open_quantity(symbol):
            raise UsageError(f"nothing is held in {symbol} that could be closed")
        known = {order.spec.order_id for order in self._made("", symbol)}
        command = CommandReceived(
            source_component="operator",
            command=Command.CLOSE,
            target=symbol,
            reason=harmless(reason),
        )
        await self._session.orchestrator.order_by_hand(command)
        made = [o for o in self._made("", symbol) if o.spec.order_id not in known]
        return HandClose(
            state=books.trading_state,
            symbol=symbol,
            size=plain(held),
            orders=[order_row(order, books.account.account_id) for order in made],
        )

    async def cancel(self, order: str, reason: str = "cancelled by hand") -> HandCancel:
        from tradectl.documents.by_hand import HandCancel

        books = self._books
        found = self._called(order)
        if found is None:
            raise UsageError(self._does_not_work(order))
        if found.spec.is_protective or found.spec.is_target:
            raise UsageError(
                f"order {found.spec.order_id} protects {found.spec.symbol} and would come back: "
                f"`tradectl close {found.spec.symbol}` closes the position and cancels it"
            )
        command = CommandReceived(
            source_component="operator", command=Command.CANCEL, target=found.spec.order_id,
            reason=harmless(reason),
        )  # fmt: skip
        await self._session.orchestrator.order_by_hand(command)
        return HandCancel(
            state=books.trading_state, order=order_row(found, books.account.account_id)
        )

    # --- what there is ----------------------------------------------------------------------------------

    def _known(self, symbol: str) -> None:
        if self._books.knows(symbol) and self._books.mark(symbol) is not None:
            return
        name, traded = repr(harmless(symbol, 60)), self._session.settings.symbols
        if symbol in traded:
            raise UsageError(f"{name} has no price yet: try again once it has one")
        raise UsageError(f"{name} is not traded in this run: {_near(symbol, traded)}")

    def _refuse_in_a_halt(self) -> None:
        state = self._books.trading_state
        if state.is_halt and not state.only_reduces:
            raise UsageError(
                f"trading is {state}: nothing is ordered by hand; `tradectl emergency-stop --flatten` "
                "closes positions"
            )

    def _plan(
        self,
        symbol: str,
        quantity: Decimal,
        algorithm: Algorithm,
        horizon: Decimal | None,
        interval: Decimal | None,
    ) -> ExecutionPlan | None:
        """With the parameters of [execution], but for those that were given."""
        execution, mark = self._session.settings.execution, self._books.mark(symbol)
        given = {name: getattr(execution, name) for name in HowOrdersAreWorked.__struct_fields__}
        given |= {"algorithm": algorithm.value, "min_notional": Decimal(0)}
        given["horizon_seconds"] = execution.horizon_seconds if horizon is None else horizon
        given["interval_seconds"] = execution.interval_seconds if interval is None else interval
        try:
            how = HowOrdersAreWorked(**given)
        except ConfigError as error:
            said = str(error)
            for setting, option in OPTIONS.items():
                said = said.replace(setting, option)
            raise WrongOption(said) from error
        instrument = self._books.instrument(symbol)
        return how.plan(quantity, mark or Decimal(0), instrument, reduces=False)

    def _made(self, strategy: str = BY_HAND, symbol: str = "") -> list[Order]:
        """By hand, or those that close for all."""
        orders = self._books.known_and_planned()
        return [o for o in orders if o.spec.strategy == strategy and symbol in ("", o.spec.symbol)]

    async def _answered(self, made: Order | None) -> None:
        """Wait a moment for the exchange's first word; it may be slow, and the order goes on."""
        clock = self._session.bus.clock
        ends = clock.monotonic() + ANSWERED_WITHIN_S
        while made is not None and made.status in ON_ITS_WAY and clock.monotonic() < ends:
            await clock.sleep(LOOK_EVERY_S)

    def _called(self, name: str) -> Order | None:
        """The working order of that id, ours, its exchange's or the one that it knows ours by."""
        books = self._books
        working = [*books.working_orders(), *books.working_children()]
        return next((order for order in working if self._is_called(order, name)), None)

    def _is_called(self, order: Order, name: str) -> bool:
        ours = order.spec.order_id
        known_as = client_order_id(self._books.account.account_id, ours)
        return name in (ours, order.venue_order_id, known_as)

    def _does_not_work(self, name: str) -> str:
        """Why there is nothing to cancel."""
        over = [order for order in self._books.finished() if self._is_called(order, name)]
        if not over:
            return f"no order {harmless(name, 60)!r} works: `tradectl orders` lists them"
        spec, status = over[-1].spec, over[-1].status.replace("_", " ")
        said = (
            f"order {spec.order_id} of {spec.symbol} is {status}: there is nothing left to cancel"
        )
        parent = self._books.order(spec.parent_id) if spec.parent_id else None
        if parent is None or parent.is_over:
            return said
        return f"{said}; `tradectl cancel {spec.parent_id}` ends the order that it was a part of"

    # --- the answer -------------------------------------------------------------------------------------

    def _preview(self, command: OrderCommandReceived) -> HandOrder:
        from tradectl.explain.why_order import check_row

        bus = self._session.bus
        risk = self._session.system.risk.engine
        spec = spec_of(command, "preview", self._books)
        weighed = risk.weigh(spec, self._books, bus.clock.now())
        checks = [check_row(each) for each in weighed]
        denial = next((row for row in checks if not row.passed), None)
        return replace(self._answer(command, denial=denial, confirmed=False), checks=checks)

    def _answer(
        self,
        command: OrderCommandReceived,
        *,
        denial: CheckRow | None,
        confirmed: bool,
        made: Order | None = None,
    ) -> HandOrder:
        from tradectl.documents.by_hand import HandOrder

        books = self._books
        price = command.price or books.mark(command.symbol)
        return HandOrder(
            confirmed=confirmed,
            state=books.trading_state,
            symbol=command.symbol,
            side=command.side,
            quantity=plain(command.quantity),
            price=None if command.price is None else plain(command.price),
            notional=None if price is None else decimal_text(command.quantity * price),
            algorithm="" if command.plan is None else command.plan.algorithm,
            plan=None if command.plan is None else _plan_row(command.plan, command.quantity),
            denied=denial,
            order=None if made is None else order_row(made, books.account.account_id),
        )


def _near(symbol: str, traded: Sequence[str]) -> str:
    """`did you mean ...`, however the pair is written."""
    letters = "".join(letter for letter in symbol if letter.isalnum() or letter == "_")
    return suggest(letters, traded)


def _plan_row(plan: ExecutionPlan, quantity: Decimal) -> HandPlan:
    from tradectl.documents.by_hand import HandPlan

    parts: int | None = plan.intervals
    if plan.algorithm is Algorithm.ICEBERG:
        parts = int((quantity / plan.visible).to_integral_value(ROUND_CEILING))
    elif plan.algorithm is Algorithm.PEG:
        parts = None
    return HandPlan(
        horizon_s=plan.horizon / SECOND,
        interval_s=plan.interval / SECOND,
        parts=parts,
        rest=plan.rest,
    )


__all__ = ["ByHand"]
