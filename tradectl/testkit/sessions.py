"""Sessions with the exchange, and its doors: how long a key or a connection lives, and who is let in.

Listen keys of the futures market live for an hour unless they are kept alive; a connection lives for a
day; an address may be banned, a key be refused while the address changed; the whole exchange may be shut
for maintenance, one symbol be closed, the account be in hedge mode. What a client hears then is what the
real exchange says, word for word where it is known.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tradectl.testkit import errors
from tradectl.testkit.sockets import Hub, Socket
from tradectl.testkit.symbols import FUTURES, SPOT, Rules

if TYPE_CHECKING:
    from tradectl.testkit.accounts import Account
    from tradectl.testkit.engine import Engine

HOUR_S = 3600.0
GOING_AWAY = 1001
Json = dict[str, Any]


class Sessions:
    """`listen_key_seconds` is how long a listen key lives after it was made or kept alive."""

    def __init__(self, hub: Hub, now_ms: Any, accounts: dict[str, Account]) -> None:
        self.listen_key_seconds = HOUR_S
        self.closed: set[tuple[str, str]] = set()
        """symbols that take no orders, by market"""
        self._hub = hub
        self._now_ms = now_ms
        self._accounts = accounts
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._banned_until = 0.0
        self._refused_until = 0.0
        self._maintenance = 0
        self._goodbyes: set[asyncio.Task[Any]] = set()

    def end(self) -> None:
        for timer in self._ends.values():
            timer.cancel()

    # --- listen keys ------------------------------------------------------------------------------

    def make_listen_key(self, account: Account) -> str:
        """A new one, or the one that there is, for so much longer."""
        account.listen_key = account.listen_key or secrets.token_hex(32)
        self._live_on(account)
        return account.listen_key

    def keep_listen_key(self, account: Account) -> str:
        if not account.listen_key:
            raise errors.no_such_listen_key()
        self._live_on(account)
        return account.listen_key

    def _live_on(self, account: Account) -> None:
        self._stop_timer(account)
        loop = asyncio.get_running_loop()
        self._ends[account.name] = loop.call_later(
            self.listen_key_seconds, self.end_listen_key, account
        )

    def count_on(self, seconds: float) -> None:
        """Keys have so much less left."""
        loop = asyncio.get_running_loop()
        for name, timer in [*self._ends.items()]:
            timer.cancel()
            left = max(timer.when() - loop.time() - seconds, 0.0)
            self._ends[name] = loop.call_later(left, self.end_listen_key, self._accounts[name])

    def _stop_timer(self, account: Account) -> None:
        if (timer := self._ends.pop(account.name, None)) is not None:
            timer.cancel()

    def end_listen_key(self, account: Account, *, told: bool = True) -> None:
        """Its streams stay open, answer pings, and carry nothing any more."""
        key, account.listen_key = account.listen_key, ""
        self._stop_timer(account)
        for socket in self._of(account):
            if told:
                socket.send({"e": "listenKeyExpired", "E": self._now_ms(), "listenKey": key})
            socket.account = ""

    def close_listen_key(self, account: Account) -> None:
        self._stop_timer(account)
        account.listen_key = ""
        for socket in self._of(account):
            socket.account = ""

    def _of(self, account: Account) -> list[Socket]:
        return [
            socket
            for socket in self._hub.sockets
            if socket.market == FUTURES and socket.account == account.name
        ]

    # --- connections ------------------------------------------------------------------------------

    def end_connections(self) -> int:
        """Those of a day ago are closed, as politely as a stranger does; how many there were."""
        sockets = list(self._hub.sockets)
        for socket in sockets:
            if socket.subscription_id is not None:
                notice = {"e": "serverShutdown", "E": self._now_ms()}
                socket.send({"subscriptionId": socket.subscription_id, "event": notice})
            task = asyncio.ensure_future(socket.say_goodbye(GOING_AWAY))
            self._goodbyes.add(task)
            task.add_done_callback(self._goodbyes.discard)
        return len(sockets)

    # --- doors ------------------------------------------------------------------------------------

    def ban(self, seconds: float) -> None:
        """The address: nothing by REST, no new connection; 0 lifts it."""
        self._banned_until = time.monotonic() + seconds

    def refuse_access(self, seconds: float) -> None:
        """The key is not known from this address, or may not do this; 0 ends that."""
        self._refused_until = time.monotonic() + seconds

    def maintain(self, status: int = 503) -> None:
        """Nobody is behind the gateway, which says so by a page; 0 ends that."""
        self._maintenance = status
        if status:
            self._hub.cut()

    def open_doors(self) -> None:
        self._banned_until = self._refused_until = 0.0
        self._maintenance = 0
        self.closed.clear()

    def turned_away(self) -> web.Response | None:
        """What whoever comes hears in place of an answer."""
        if self._maintenance:
            page = errors.HTML_503 if self._maintenance == 503 else errors.HTML_502
            return web.Response(status=self._maintenance, text=page, content_type="text/html")
        left = self._banned_until - time.monotonic()
        if left > 0:
            banned = errors.banned(max(1, round(left)), self._now_ms())
            return web.json_response(banned.body, status=418, headers=banned.headers)
        return None

    def check_access(self) -> None:
        """Raises ApiError for whoever shows a key."""
        if time.monotonic() < self._refused_until:
            raise errors.key_refused()

    def check_order(self, account: Account, rules: Rules, position_side: str) -> None:
        """Whether an order may be placed at all. Raises ApiError."""
        if rules.futures and account.is_hedged(rules.symbol) is (position_side == "BOTH"):
            raise errors.other_position_side()
        if (rules.market, rules.symbol) in self.closed:
            raise errors.symbol_closed(futures=rules.futures)


class SessionControls:
    sessions: Sessions
    liquidating: str
    accounts: dict[str, Account]
    engines: dict[str, Engine]

    def expire_listen_key(self, account: str = "main", *, told: bool = True) -> None:
        self.sessions.end_listen_key(self.accounts[account], told=told)

    def end_connections(self) -> int:
        return self.sessions.end_connections()

    def ban(self, seconds: float) -> None:
        self.sessions.ban(seconds)

    def refuse_access(self, seconds: float) -> None:
        self.sessions.refuse_access(seconds)

    def maintain(self, status: int = 503) -> None:
        self.sessions.maintain(status)

    def set_hedge_mode(self, on: bool, account: str = "main", *, cancels: bool = False) -> None:
        """Whatever is open, which exchanges seldom allow: positions stay, entries are cancelled, and what
        reduces names its position from then on, or is cancelled, too. Raises ValueError for one-way mode
        while a symbol has two positions."""
        held = self.accounts[account].futures
        if not on and any(position.amount for position in held.beside.values()):
            raise ValueError("two positions of a symbol are open")
        self.accounts[account].hedge = on
        engine = self.engines[FUTURES]
        for order in [o for o in engine.live.values() if o.account == account]:
            if cancels or not order.reduce_only:
                self.liquidating = order.symbol
                engine.cancel(order)
                self.liquidating = ""
            else:
                closed = "LONG" if order.side == "SELL" else "SHORT"
                order.position_side = closed if on else "BOTH"

    def close_symbol(self, symbol: str, *, market: str = SPOT) -> None:
        """It takes no orders any more; what rests may be cancelled."""
        self.sessions.closed.add((market, symbol))

    def reopen_symbol(self, symbol: str, *, market: str = SPOT) -> None:
        self.sessions.closed.discard((market, symbol))

    def change_rules(self, symbol: str, *, market: str = SPOT, **rules: str) -> None:
        """`lot`, `tick`, `min_notional`, ...: other filters from now on; nobody is told."""
        kept = self.engines[market].rules
        changed: dict[str, Any] = {name: Decimal(value) for name, value in rules.items()}
        kept[symbol] = replace(kept[symbol], **changed)

    def announce_delisting(self, symbol: str, at_ms: int) -> None:
        """Of a perpetual: it is settled then."""
        rules = self.engines[FUTURES].rules
        rules[symbol] = replace(rules[symbol], delivery_ms=at_ms)


__all__ = ["SessionControls", "Sessions"]
