"""One call of ccxt: made once, its errors translated into ours, its silence not taken for an answer.

ccxt changes how decimals are rounded, for whoever runs in the same context, and for good. So each call
has a decimal context of its own: the books round by ours, live and in a replay.
"""

from __future__ import annotations

import asyncio
import decimal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import ExchangeError, NotExecuted, OutcomeUnknown, TradectlError
from tradectl.exchange.call_health import CallHealth
from tradectl.exchange.ccxt_venue.causes import BANNED_STATUS
from tradectl.exchange.ccxt_venue.client import CALL
from tradectl.exchange.ccxt_venue.errors import (
    TURNED_AWAY,
    ErrorRules,
    Reply,
    is_mistimed,
    is_not_found,
    is_turned_away,
    the_exchanges_own,
    translate,
)
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter

T = TypeVar("T")
LEAST_OF_A_GATEWAY = 500
"""Of an HTTP status: nobody behind it was reached, or nobody knows what became of that."""
SHORT_PAUSE = 1.0
"""seconds to keep away where the exchange turned us away and named none"""


class NotFound(Exception):
    """The exchange knows no such order."""


class Caller:
    """Makes calls. `ask` is a read and `order` a write; both raise an `ExchangeError` and nothing else
    but, where `may_miss` is set, `NotFound`.

    What the exchange turned away for the time that it was signed with was not acted on: the clock is put
    right by `correct_clock`, and it is made once more. `health` hears of each that left; streams have a
    way of their own to be lost. `monotonic` gives seconds."""

    def __init__(
        self,
        limiter: RateLimiter,
        error_rules: ErrorRules,
        health: CallHealth | None = None,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
    ) -> None:
        self._limiter = limiter
        self._health = health or CallHealth()
        self._monotonic = monotonic
        self._error_rules = error_rules
        self.correct_clock: Callable[[], Awaitable[None]] | None = None

    async def ask(
        self,
        what: str,
        make: Callable[[], Awaitable[Any]],
        read: Callable[[Any], T],
        *,
        privileged: bool = False,
        may_miss: bool = False,
    ) -> T:
        return await self._call(what, make, read, Reply(privileged), may_miss=may_miss)

    async def order(
        self,
        what: str,
        make: Callable[[], Awaitable[Any]],
        read: Callable[[Any], T],
        *,
        privileged: bool = False,
        may_miss: bool = False,
        submit: bool = False,
        pre_send_check: Callable[[], None] | None = None,
    ) -> T:
        reply = Reply(privileged, pre_send_check=pre_send_check)
        return await self._call(
            what, make, read, reply, write=True, may_miss=may_miss, submit=submit
        )

    async def watch(self, what: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """The next update of a stream. Raises NotExecuted for a connection that is lost."""
        reply = Reply(sent=True)
        return await self._call(what, make, lambda update: update, reply, stream=True)

    async def _call(
        self,
        what: str,
        make: Callable[[], Awaitable[Any]],
        read: Callable[[Any], T],
        reply: Reply,
        *,
        write: bool = False,
        may_miss: bool = False,
        submit: bool = False,
        stream: bool = False,
    ) -> T:
        again = replace(reply)
        try:
            return await self._once(
                what,
                make,
                read,
                reply,
                write=write,
                may_miss=may_miss,
                submit=submit,
                stream=stream,
            )
        except NotExecuted:
            if not reply.mistimed or not await self._corrected() or stream:
                raise
        return await self._once(
            what, make, read, again, write=write, may_miss=may_miss, submit=submit
        )

    async def _corrected(self) -> bool:
        """Whether it is known what time it is at the exchange."""
        if self.correct_clock is None:
            return False
        try:
            await self.correct_clock()
        except ExchangeError:
            return False
        return True

    async def _once(
        self,
        what: str,
        make: Callable[[], Awaitable[Any]],
        read: Callable[[Any], T],
        reply: Reply,
        *,
        write: bool = False,
        may_miss: bool = False,
        submit: bool = False,
        stream: bool = False,
    ) -> T:
        token = CALL.set(reply)
        wrong: Exception
        try:
            with decimal.localcontext():
                answer = await make()
                if reply.garbled and not stream:
                    raise ValueError("the answer is empty or cut short")
                if reply.sent and not stream:
                    reply.is_counted = True
                    self._health.answered(self._monotonic() - reply.sent_at, write=write)
                return read(answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # ccxt cancels what waits for a connection that it closes: nobody cancelled us
            closed = f"{what}: the connection was closed"
            wrong = OutcomeUnknown(closed) if write else NotExecuted(closed)
        except Exception as error:  # whatever falls out of ccxt's parsers is an answer that is none
            cause = the_exchanges_own(error) if stream else error
            wrong = self._translated(cause, what, reply, write, may_miss, submit)
            if not stream:
                self._note(reply, wrong, write=write)
        finally:
            CALL.reset(token)
        raise wrong

    def _note(self, reply: Reply, wrong: Exception, *, write: bool) -> None:
        """It left: whatever the exchange itself said about it is an answer."""
        if not reply.sent or reply.is_counted:
            return
        if reply.status is None or reply.status >= LEAST_OF_A_GATEWAY or reply.garbled:
            self._health.failed(str(wrong), write=write)
        elif reply.status not in TURNED_AWAY:
            self._health.answered(self._monotonic() - reply.sent_at, write=write)

    def _translated(
        self, error: Exception, what: str, reply: Reply, write: bool, may_miss: bool, submit: bool
    ) -> Exception:
        # ccxt hands one error to everybody who waited for the same answer
        reply.garbled = vars(error)["garbled"] = reply.garbled or vars(error).get("garbled", False)
        if may_miss and reply.sent and is_not_found(error, str(error), self._error_rules.codes):
            return NotFound()
        if isinstance(error, TradectlError):
            return error
        reply.mistimed = is_mistimed(error, str(error), reply, self._error_rules)
        put = translate(error, what, reply, self._error_rules, write=write, submit=submit)
        if isinstance(put, NotExecuted):
            self._keep_away(put, reply, turned_away=is_turned_away(error, reply))
        return put

    def _keep_away(self, error: NotExecuted, reply: Reply, *, turned_away: bool) -> None:
        if turned_away or error.retry_after:
            pause = error.retry_after or SHORT_PAUSE
            self._limiter.back_off(pause, banned=reply.status == BANNED_STATUS, why=str(error))


__all__ = ["Caller", "NotFound"]
