"""Whether a run may begin while a halt is latched.

HALTED it may not. REDUCING and FLATTENING are seen through by whoever trades the account next, for as
long as something is open; once nothing is, they refuse as well. A halt that is only among the records is
latched first: nothing but `clear-halt` ends one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tradectl.config.settings import Settings
from tradectl.domain.errors import Halted, StateError, TradectlError
from tradectl.domain.protection import is_dust
from tradectl.domain.states import TradingState
from tradectl.recovery.recovery import Recovered, recover
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import Halt, HaltSwitch


def refuse_if_halted(latch: HaltSwitch) -> None:
    """Raises Halted."""
    halt = latch.read()
    if halt is not None and halt.state is TradingState.HALTED:
        raise refusal(halt)


def halt_to_see_through(
    latch: HaltSwitch, recovered: Recovered | None, settings: Settings
) -> Halt | None:
    """The halt that this run goes on in, None where trading is free. Raises Halted where there is nothing
    to be done in it any more, and StateError."""
    halt = latch.read()
    if halt is None:
        return None
    if halt.state is TradingState.REDUCING and recovered is not None:
        account = recovered.account
        if account.trading_state.is_stricter_than(halt.state):
            halt = latch.set(account.trading_state_reason, account.trading_state)
    if halt.state is TradingState.HALTED:
        raise refusal(halt)
    if recovered is None or not has_open(recovered.account, settings):
        raise refusal(latch.set(halt.reason) if halt.state is TradingState.FLATTENING else halt)
    return halt


def latch_by_records(state_dir: StateDir, kind: str, recovered: Recovered | None) -> None:
    """A halt that only the account's records know is latched: it could be written nowhere when it came
    about, and nobody has cleared it. `recovered` is None where the account is left behind: its halt is
    not. Raises Halted where it cannot be latched now, either."""
    if state_dir.latch.read() is not None or state_dir.cleared_halt.read() is not None:
        return
    if recovered is None:
        with contextlib.suppress(
            TradectlError
        ):  # one that cannot be recovered is left behind for that
            recovered = recover(state_dir, kind, trusting=True)
    account = recovered.account if recovered is not None else None
    if account is None or not account.trading_state.is_halt:
        return
    reason = account.trading_state_reason
    try:
        state_dir.latch.set(reason, account.trading_state)
    except StateError as error:
        raise Halted(f"halted, by the account's records: {reason}; and {error}") from error


@contextlib.contextmanager
def halted_or(latch: HaltSwitch) -> Iterator[None]:
    """An account that cannot be recovered is refused as halted first, where a halt is latched."""
    try:
        yield
    except TradectlError as error:
        halt = latch.read()
        if halt is None:
            raise
        raise Halted(f"{halt}; and its account cannot be recovered: {error}") from error


def refusal(halt: Halt) -> Halted:
    return Halted(f"{halt}; look into it, then `tradectl clear-halt --confirm` lets it trade again")


def has_open(account: Account, settings: Settings) -> bool:
    """An order works, or more is held than dust."""
    books = BooksView(account, settings.all_instruments())
    if books.working_orders():
        return True
    return any(not is_dust(position, books) for position in books.positions())


__all__ = ["halt_to_see_through", "halted_or", "has_open", "refusal", "refuse_if_halted"]
