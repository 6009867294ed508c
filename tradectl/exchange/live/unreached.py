"""An exchange that could not be reached, in a run that goes on without it: an emergency stop finishes at
the others, and says of this one that nothing is known.

Nothing is sent there. Whatever is asked is answered by why it could not be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tradectl.documents.run import ExchangeStatus
from tradectl.domain.commands import CancelOrder, OutboundCommand
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import CancelRejected, OrderReport
from tradectl.domain.orders import Order
from tradectl.exchange.base import Accepted, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.gate import not_sent


class UnreachedExchange:
    """The exchange called `name`, of these `symbols`; `why` it cannot be asked. `post` takes inputs."""

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        why: str,
        post: Callable[[OrderReport, int], None],
    ) -> None:
        self.name = name
        self.symbols = tuple(symbols)
        self.pre_send_check: PreSendCheck = lambda command: ""
        self._why = why
        self._post = post

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            rejected = CancelRejected(
                source_component=self.name,
                order_id=command.order_id,
                symbol=command.symbol,
                reason=self._why,
            )
            self._post(rejected, at)
        else:
            self._post(not_sent(command.order.spec, self.name, f"not sent: {self._why}"), at)

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """What became of them is not known: they stay as they are."""

    def begin(self) -> None:
        pass

    async def quiesce(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def attach_read_only(self) -> None:
        pass

    def leave_switch_armed(self) -> None:
        pass

    async def cancel_all(self, *, keep_protection: bool, whose: Whose) -> tuple[str, ...]:
        raise NotExecuted(self._why)

    async def reconcile(self, accepted: Accepted | None = None) -> Compared:
        return Compared(exchange=self.name, error=self._why)

    async def proof(self, *, everything: bool) -> Proof:
        raise NotExecuted(self._why)

    def status(self) -> ExchangeStatus:
        return ExchangeStatus(
            name=self.name,
            symbols=self.symbols,
            problems=(self._why,),
            foreign_orders=(),
            unknown_orders=0,
        )


__all__ = ["UnreachedExchange"]
