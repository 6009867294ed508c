"""The account's orders and fills as they are pushed, handed over in the order of their arrival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.domain.text import harmless
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import (
    ForeignMarket,
    InvalidResponse,
    exact,
    not_negative,
)
from tradectl.exchange.ccxt_venue.listen_key import keep_alive
from tradectl.exchange.ccxt_venue.position_modes import PositionModes
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.report_parser import ReportParser, Triggered
from tradectl.exchange.ccxt_venue.websocket_guard import WebsocketGuard
from tradectl.exchange.tasks import Work, run_together
from tradectl.exchange.venue import (
    MoneyMoved,
    OnVenueReports,
    PositionSideSeen,
    Told,
    VenueReport,
)

WATCHES = (
    ("orders", "watchOrders", "watch_orders"),
    ("fills", "watchMyTrades", "watch_my_trades"),
)


class UserStream:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        guard: WebsocketGuard,
        parser: ReportParser,
        quirks: Quirks,
        kind: str,
        modes: PositionModes,
        *,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        sleep: Sleep = ComputerClock.sleep,
    ) -> None:
        self._client = client
        self._caller = caller
        self._guard = guard
        self._parser = parser
        self._quirks = quirks
        self._modes = modes
        self._listen_key = quirks.listen_key.get(kind)
        self._account_number = quirks.account_number.get(kind)
        self._monotonic, self._sleep = monotonic, sleep

    async def run(self, on_reports: OnVenueReports) -> None:
        """Until the connection is lost (NotExecuted). One follower at a time."""
        if self._guard.follows_account:
            raise NotExecuted("the account's stream is followed already")
        if self._listen_key is not None:
            # it may have run out while we were away: ask for a new one
            self._client.options.pop(self._listen_key.option, None)
        await self._learn_account_number()
        self._guard.updates.clear()
        self._guard.follows_account = True
        self._guard.on_account_message = lambda message: self._money(message, on_reports)
        try:
            with self._guard.using(account=True):
                await run_together(
                    *(
                        self._watch(getattr(self._client, method), on_reports)
                        for what, name, method in WATCHES
                        if what in self._quirks.streamed and self._client.has.get(name) is True
                    ),
                    *self._keeping(),
                )
        finally:
            self._guard.follows_account = False
            self._deliver(on_reports)  # what it is that cannot be read matters no more

    async def _learn_account_number(self) -> None:
        number = self._account_number
        if number is None or self._client.uid:
            return
        method = getattr(self._client, number.method)
        self._client.uid = await self._caller.ask(
            "the account's number",
            lambda: method(dict(number.asked)),
            lambda raw: str(raw[number.key]),
        )

    def _money(self, message: Mapping[str, Any], on_reports: OnVenueReports) -> None:
        if reason := self._quirks.money_reason(message):
            on_reports([MoneyMoved(harmless(reason, 60))])

    async def _watch(self, watch: Any, on_reports: OnVenueReports) -> None:
        while True:
            await self._caller.watch("the account's stream", watch)
            if unreadable := self._deliver(on_reports):
                # it may have been a fill: only asking the exchange tells
                raise NotExecuted(f"the account's stream: {unreadable}")

    def _deliver(self, on_reports: OnVenueReports) -> str:
        """Hand over what has come; what is wrong with one that cannot be read, else empty."""
        reports: list[Told] = []
        unreadable = ""
        while self._guard.updates:
            is_fill, raw = self._guard.updates.popleft()
            try:
                report = self._parsed(raw, is_fill=is_fill)
                if report.position_side is not None and report.symbol not in self._modes.hedged:
                    reports.append(PositionSideSeen())
                reports.append(report)
            except (ForeignMarket, Triggered):
                continue  # the order that a stop became is reported by itself
            except InvalidResponse as invalid:
                unreadable = str(invalid)
        if reports:
            on_reports(reports)
        return unreadable

    def _parsed(self, raw: Any, *, is_fill: bool) -> VenueReport:
        if is_fill and self._quirks.fees_below_zero:
            fee = raw.get("fee") or {}
            cost = fee.get("cost")
            paid = None if cost is None else -exact(cost)
            raw = {**raw, "fees": [], "fee": {**fee, "cost": paid}}
        if is_fill:
            return self._parser.fill(raw, pushed=True)
        filled = (raw.get("info") or {}).get(self._quirks.filled_key)
        if filled is not None:
            return self._parser.order({**raw, "filled": filled})
        if self._quirks.whole_is_sum and raw.get("remaining") is not None:
            whole = not_negative(raw.get("filled")) + not_negative(raw["remaining"])
            return self._parser.order({**raw, "amount": whole})
        return self._parser.order(raw)

    def _keeping(self) -> list[Work]:
        key = self._listen_key
        if key is None:
            return []
        return [keep_alive(key, self._client, self._caller, self._monotonic, self._sleep)]


__all__ = ["UserStream"]
