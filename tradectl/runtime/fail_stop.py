"""What is still done for the account when the journal could not be written.

Nothing is decided or sent any more, so nobody would cancel what rests at an exchange. It is cancelled
here, past the core: a cancel can only make the account's risk smaller. The next run finds out by asking.
"""

from __future__ import annotations

import contextlib
import logging

from tradectl.adapters.gateway import Gateway
from tradectl.domain.errors import StateError
from tradectl.state.latch import HaltSwitch

WITHIN_S = 5.0
REASON = "the journal could not be written: `tradectl reconcile` shows what the exchange has"

log = logging.getLogger("tradectl.fail_stop")


async def leave_nothing_resting(gateway: Gateway, latch: HaltSwitch) -> None:
    """Latch, and cancel every order with our tag, as far as the exchanges can be reached."""
    if not gateway.outside:
        return
    with contextlib.suppress(StateError):  # a full disk has room for the latch; a lost one has not
        latch.set(REASON)
    for asked in await gateway.cancel_all(keep_protection=False, within=WITHIN_S):
        if asked.error:
            log.error("%s: orders may still rest there: %s", asked.exchange, asked.error)


__all__ = ["leave_nothing_resting"]
