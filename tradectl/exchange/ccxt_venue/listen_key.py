"""Keeping the key of an account's stream alive, where the exchange gives it one that runs out.

ccxt sends one keep-alive, and none after it. So its own is put off, and ours goes on for as long as the
stream does. One that is not answered is asked again; a key that is gone, or was not kept alive for as
long as it lives, is a lost stream: the next one begins with a new key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.exchange.ccxt_venue.calls import Caller, NotFound
from tradectl.exchange.ccxt_venue.quirks import ListenKey

AGAIN_S = 15.0


async def keep_alive(
    key: ListenKey, client: Any, caller: Caller, monotonic: Callable[[], float], sleep: Sleep
) -> None:
    """Until it is gone (NotExecuted)."""
    alive_at, pause = monotonic(), key.every_s
    while True:
        await sleep(pause)
        asked_at = monotonic()
        try:
            await caller.ask(
                "keep-alive of the account's stream",
                getattr(client, key.keep_alive),
                lambda _: None,
                privileged=True,
                may_miss=True,
            )
        except NotFound:
            raise NotExecuted("the account's stream: its key ran out") from None
        except NotExecuted as error:
            if monotonic() - alive_at > key.lives_s:
                raise
            pause = max(AGAIN_S, error.retry_after)
        else:
            alive_at, pause = asked_at, key.every_s


__all__ = ["keep_alive"]
