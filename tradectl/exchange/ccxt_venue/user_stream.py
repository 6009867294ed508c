"""The account's own news: orders and fills, handed over in the order of their arrival."""

from __future__ import annotations

from typing import Any

from tradectl.domain.errors import NotExecuted
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, InvalidResponse
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.reports import Reports, Triggered
from tradectl.exchange.ccxt_venue.websocket_guard import WebsocketGuard
from tradectl.exchange.tasks import run_together
from tradectl.exchange.venue import OnVenueReports, VenueFill, VenueOrder

WATCHES = (("watchOrders", "watch_orders"), ("watchMyTrades", "watch_my_trades"))


class UserStream:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        tap: WebsocketGuard,
        reports: Reports,
        quirks: Quirks,
        kind: str,
    ) -> None:
        self._client = client
        self._caller = caller
        self._tap = tap
        self._reports = reports
        self._quirks = quirks
        self._kind = kind

    async def run(self, told: OnVenueReports) -> None:
        """Until the connection is lost (NotExecuted). One listener at a time."""
        if self._tap.listening:
            raise NotExecuted("the account is listened to already")
        self._forget_login()
        self._tap.news.clear()
        self._tap.listening = True
        try:
            with self._tap.using(account=True):
                await run_together(
                    *(
                        self._watch(getattr(self._client, method), told)
                        for name, method in WATCHES
                        if self._client.has.get(name) is True
                    )
                )
        finally:
            self._tap.listening = False
            self._hand_over(told)  # what it is that cannot be read matters no more

    async def _watch(self, watch: Any, told: OnVenueReports) -> None:
        while True:
            await self._caller.watch("the account's news", watch)
            if unreadable := self._hand_over(told):
                # it may have been a fill: only asking the exchange tells
                raise NotExecuted(f"the account's news: {unreadable}")

    def _hand_over(self, told: OnVenueReports) -> str:
        """Returns what is wrong with one that cannot be read."""
        news: list[VenueOrder | VenueFill] = []
        unreadable = ""
        while self._tap.news:
            is_fill, raw = self._tap.news.popleft()
            try:
                news.append(self._reports.fill(raw) if is_fill else self._reports.order(raw))
            except (ForeignMarket, Triggered):
                continue  # what a stop became is told by itself
            except InvalidResponse as nonsense:
                unreadable = str(nonsense)
        if news:
            told(news)
        return unreadable

    def _forget_login(self) -> None:
        """A user stream's key may have run out while we were away: ask for one anew."""
        option = self._quirks.fresh_login.get(self._kind)
        if option:
            self._client.options.pop(option, None)


__all__ = ["UserStream"]
