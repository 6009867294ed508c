"""A gateway is what orders go out by: an exchange with its place on the bus.

There are three: on paper (`paper_gateway`), to real exchanges (`live_gateway`), and none, for a replay.
Whoever stops, compares or watches a system asks its gateway and need not know which one it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from tradectl.documents.run import ExchangeStatus
from tradectl.domain.commands import OutboundCommand
from tradectl.domain.orders import Order
from tradectl.exchange.base import Accepted, Cancelled, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.paper.funding_rates import NO_FUNDING, FundingRates


class Gateway(Protocol):
    """`connected` is False where nothing can be sent; `remote` is True for exchanges that outlive this
    process, and so must hear of nothing that is not durable. Their word is asked for, not known."""

    connected: bool
    remote: bool
    funding_rates: FundingRates
    """those that are paid on paper; a real exchange has its own"""

    def guard(self, pre_send_check: PreSendCheck) -> None:
        """Ask `pre_send_check` once more before an order leaves, where orders wait before they do."""
        ...

    # --- life -------------------------------------------------------------------------------------

    def bind(self) -> None:
        """Attach to the core what must hear of its events."""
        ...

    async def quiesce(self) -> None:
        """Let what is on its way be answered while the bus still takes answers."""
        ...

    async def stop(self) -> None: ...

    def attach_read_only(self) -> None:
        """Before orders go out: this run only compares, or finishes for another one. That one's dead-man
        switch stays as it was left."""
        ...

    def leave_switch_armed(self) -> None:
        """What cannot be cancelled before the end, the exchange cancels after it."""
        ...

    # --- orders -----------------------------------------------------------------------------------

    def send(self, command: OutboundCommand, at: int) -> None: ...

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """What the books hold to be working, and the signed quantities that they hold, at the start."""
        ...

    async def cancel_all(
        self, *, keep_protection: bool, whose: Whose = Whose.OURS, within: float
    ) -> list[Cancelled]:
        """Cancel open orders at each exchange, past the core, for at most `within` seconds. With
        `keep_protection` our reduce-only stops stay. Never raises for an exchange's reason."""
        ...

    # --- the exchange's word ----------------------------------------------------------------------

    async def reconcile(
        self, *, accepted: Accepted | None = None, within: float = 0
    ) -> list[Compared]:
        """Have each exchange compared with the books; what differs is reported. What is `accepted` is
        booked as the operator says. Where its rate limit asks for a pause it is waited for, up to
        `within` seconds in all. The answer says what became of it at each; never raises for an
        exchange's reason."""
        ...

    async def proof(self, *, everything: bool, within: float) -> list[Proof]:
        """What each exchange says is open (of anybody, with `everything`) and held, or why it could not
        be asked within so many seconds. Never raises for an exchange's reason."""
        ...

    def status(self) -> list[ExchangeStatus]:
        """One for each real exchange."""
        ...


class NoGateway:
    """No exchange: a replay, where the journal holds every report that there was."""

    connected = False
    remote = False
    funding_rates = NO_FUNDING

    def guard(self, pre_send_check: PreSendCheck) -> None:
        pass

    def bind(self) -> None:
        pass

    async def quiesce(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def attach_read_only(self) -> None:
        pass

    def leave_switch_armed(self) -> None:
        pass

    def send(self, command: OutboundCommand, at: int) -> None:
        pass

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        pass

    async def cancel_all(
        self, *, keep_protection: bool, whose: Whose = Whose.OURS, within: float
    ) -> list[Cancelled]:
        return []

    async def reconcile(
        self, *, accepted: Accepted | None = None, within: float = 0
    ) -> list[Compared]:
        return []

    async def proof(self, *, everything: bool, within: float) -> list[Proof]:
        return []

    def status(self) -> list[ExchangeStatus]:
        return []


__all__ = ["Gateway", "NoGateway"]
